"""What is done about a PaymentIntent that is closed here and may still be paid at Stripe.

Nobody changes its terms any more, so it needs no lease: it is canceled, or asked about until it has ended.
"""

from app.payment_intents.protocol.decide import cancel_call
from app.payment_intents.protocol.payment_of_checkout import as_of
from app.payment_intents.protocol.record import apply_snapshot, record_gone
from app.payment_intents.protocol.refusals import Consequence, consequence_of
from app.payment_intents.protocol.state import PAYABLE, TERMINAL, Change, Context, PaymentIntentState
from app.payment_intents.protocol.steps import Answer, Answered, Call, CancelCall, Gone, Refused, RetrieveCall
from app.payment_intents.protocol.terms import PaymentIntentSnapshot


def request_cancel(change: Change, row: PaymentIntentState, reason: str | None) -> PaymentIntentState:
    """Have it canceled, and what it holds released."""
    if not row.is_watched or row.is_cancel_requested:
        return row
    return change.put(row._replace(is_cancel_requested=True, cancel_reason=reason))


def next_call(row: PaymentIntentState, context: Context) -> CancelCall | RetrieveCall | None:
    """Return the call that is to be made now. What is unknown is asked about first: money may be held."""
    if not row.is_watched or row.object_id is None:
        return None
    if row.needs_refresh or row.updated_at < context.now - context.config.silent_after:
        return RetrieveCall(row.object_id, context.now, row.is_checkout)
    return cancel_call(row, row.object_id, context, "duplicate") if row.is_cancel_requested else None


def record_answer(change: Change, row: PaymentIntentState, call: Call, answer: Answer) -> None:
    """Record how such a call ended. What can be paid is to be canceled; what holds money only if somebody asked.

    What Stripe refuses to cancel, whatever its state is, is tried again after an hour of silence. What is not known is
    asked again, after all else that is due.
    """
    if not row.is_watched:
        return
    match answer:
        case Answered(snapshot):
            _take(change, row, snapshot)
        case Refused(snapshot=snapshot) if snapshot is not None:
            _take(change, row, snapshot)
        case Refused() as refused:
            _record_refusal(change, row, consequence_of(call, refused))
        case Gone():
            record_gone(change, row)
        case _:
            change.touch(row)


def _record_refusal(change: Change, row: PaymentIntentState, consequence: Consequence) -> None:
    match consequence:
        case "look":
            row = row._replace(needs_refresh=True)
        case "give up":
            row = row._replace(is_cancel_requested=False)
        case _:
            pass  # the question stands
    change.touch(row)


def _take(change: Change, row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> None:
    """Take what Stripe shows; what has ended stays so."""
    if row.status in TERMINAL and snapshot.status not in TERMINAL:
        change.touch(row._replace(needs_refresh=False))
        return
    snapshot = as_of(row, snapshot)
    row = apply_snapshot(change, row, snapshot)
    is_unsure = snapshot.is_partial or (snapshot.is_replay and snapshot.status not in TERMINAL)
    is_to_release = row.is_cancel_requested and row.status == "requires_capture"
    is_to_cancel = row.status in PAYABLE or is_to_release
    change.touch(row._replace(needs_refresh=is_unsure, is_cancel_requested=is_to_cancel))

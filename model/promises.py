"""What must hold in every state, and once all is quiet."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from app.payment_intents.protocol.checkout import HOSTED, CheckoutTerms, LineItem
from app.payment_intents.protocol.commands import is_abandoned
from app.payment_intents.protocol.state import PAID_AFTER_CLOSE, SURPLUS, Context, PaymentIntentState, due_at
from app.payment_intents.protocol.steps import Wait
from app.payment_intents.protocol.terms import Kind, PaymentTerms
from model import checkout, steps, stripe, workers
from model.configuration import Configuration
from model.held import fit, terms_held
from model.state import (
    CAN_CHANGE,
    GONE,
    RETURN_URL,
    STRIPE,
    TERMINAL,
    Intent,
    Interned,
    Ours,
    Replies,
    State,
    Worker,
    intern,
    said,
)
from model.steps import CONFIG, LONG_SILENT, MINUTE, NOTHING_LATE, SECRETS, SILENT, remembered


class Violation(Exception):
    """A promise is broken."""


# Looks of the sweep until nothing is left to do.
MAX_LOOKS = 12

JOB, PUT = 99, 98

# What is asked for last, to see that it can be paid.
_NINE = PaymentTerms(9, "eur", cart_version=99)
_NINE_IN_A_SESSION = CheckoutTerms(HOSTED, RETURN_URL, (LineItem("nine", 9),))
_ANYTHING = (_NINE, replace(_NINE, customer="new"), replace(_NINE, checkout=_NINE_IN_A_SESSION))


def broken(state: State, configuration: Configuration) -> Iterator[str]:
    """Yield which promises a state breaks, each as "kind: what"."""
    if state.replies.untruth:
        yield state.replies.untruth
    try:
        _check(state, configuration)
        if _is_quiet(state):
            _check_quiet(state, configuration)
    except Violation as violation:
        yield str(violation)


def _check(state: State, configuration: Configuration) -> None:
    """Check what must hold always."""
    ours = state.ours.value
    here = [(each, row) for each in state.intents if (row := ours.get(each.row))]
    live = [row.reference for each, row in here if each.status not in TERMINAL and not row.is_watched]
    if len(live) > 1 and len(live) != len(set(live)):
        raise Violation("one: two PaymentIntents of a reference are live at Stripe")
    if sum(each.status == "succeeded" and row.closed_reason != SURPLUS for each, row in here) > 1:
        raise Violation("one: it was paid twice")
    if broken_rows := _broken_rows(state.ours):
        raise Violation(broken_rows)
    if configuration.is_late_harmless:
        _check_paid(state)


@remembered
def _broken_rows(ours: Interned[Ours]) -> str:
    """Return which promise our rows alone break, if any."""
    live = [row.reference for row in ours.value.rows if row.closed_at is None]
    if len(live) != len(set(live)):
        return "one: two rows of a reference are live"
    if any((row.is_open or row.is_watched) and due_at(row, CONFIG) is None for row in ours.value.rows):
        return "due: nobody would ever look again at a row that is open, or may be paid at Stripe"
    return ""


def _check_paid(state: State) -> None:
    replies, row = state.replies, state.newest("cart")
    if row is None or replies.accepted is None or replies.accepted[0] != replies.orders:
        return
    accepted = replies.accepted[1].value.amount
    for intent in state.intents:
        if intent.row == row.id.int and intent.status == "succeeded" and intent.amount != accepted:
            raise Violation(f"paid: {accepted} was accepted, then {intent.amount} was paid")


def _is_quiet(state: State) -> bool:
    """Whether nobody does anything any more but the sweep."""
    is_done = all(worker.point == "start" and worker.name != "PUT" for worker in state.workers)
    is_adopting = state.missing and any(worker.name == "ADOPT" for worker in state.workers)
    return is_done and not is_adopting and not state.late and not state.webhooks


def _check_quiet(state: State, configuration: Configuration) -> None:
    """Let the sweep come until it finds nothing to do, then compare both sides."""
    swept = _sweep_all(state, configuration)
    for intent in swept.intents:
        row = swept.ours.value.at_stripe(intent.id)
        if row is None and intent.status != GONE:
            raise Violation(f"agree: {intent.id} is {intent.status} at Stripe and unknown here")
        if row is not None:
            _check_agreement(intent, row)
    if not {"PUT AT CART", "CANCEL"} & set(configuration.others):
        _check_requests(state, swept, configuration)
    _check_not_stuck(swept)


def _check_agreement(intent: Intent, row: PaymentIntentState) -> None:
    if intent.status == GONE:
        if row.is_open:
            raise Violation(f"gone: Stripe does not have {intent.id}, and it stays open here")
        return
    if row.closed_at is not None and intent.status in CAN_CHANGE:
        raise Violation(f"beside: {intent.id} is closed here, and can be paid")
    if row.closed_reason == SURPLUS and intent.status != "canceled" and PAID_AFTER_CLOSE not in row.flags:
        raise Violation(f"flag: {intent.id} is closed here and {intent.status} at Stripe, and nothing says so")
    if (row.status, row.amount) != (intent.status, intent.amount):
        raise Violation(f"agree: {intent.id} is {intent.status} {intent.amount}, here {row.status} {row.amount}")
    if row.is_open and intent.status in CAN_CHANGE and not fit(row.requested_terms, terms_held(intent)):
        raise Violation(f"agree: Stripe holds {said(terms_held(intent))}, and {said(row.requested_terms)} is requested")
    owed = row.requested_terms.amount if row.capture_amount is None else row.capture_amount
    if intent.status == "succeeded" and intent.amount_received != owed and "amount_mismatch" not in row.flags:
        raise Violation(f"flag: {intent.amount_received} was paid of {owed}, and nothing says so")


def _check_requests(state: State, swept: State, configuration: Configuration) -> None:
    """Hold what stands against what callers were told."""
    replies, row = state.replies, swept.newest("cart") or swept.newest("session")
    if row is None:
        return
    intent = next((each for each in swept.intents if each.id == row.object_id), None)
    if intent is not None and intent.status in CAN_CHANGE:
        stands = row.requested_terms  # what is left out stays as it is: not even a late request can be undone there
        is_accepted = replies.accepted is not None and fit(replies.accepted[1].value, stands)
        if not is_accepted and any(fit(each.value, stands) for each in replies.refused):
            raise Violation(f"refused: {said(stands)} was refused, and stands")
    if "restore" not in configuration.budget:
        _check_refused(replies, row)
    if replies.accepted is None:
        return
    if replies.accepted[0] == replies.orders or (replies.is_all_known and row.is_open):
        _check_kept(row, intent, replies.accepted[1].value)


def _check_refused(replies: Replies, row: PaymentIntentState) -> None:
    """Hold a row against the newest request, if that was refused: by Stripe, or because the payment was faster."""
    if replies.newest_refused is None or replies.newest_refused[0] != replies.orders:
        return
    _, wanted, is_by_stripe = replies.newest_refused
    amount, is_flagged = wanted.value.amount, "amount_mismatch" in row.flags
    if is_by_stripe and row.is_payable and row.amount != amount and not row.is_price_refused:
        raise Violation(f"price: {amount} was refused, and the secret of {row.amount} is handed out")
    if is_by_stripe and row.status == "succeeded" and row.amount != amount and not is_flagged:
        raise Violation(f"flag: {amount} was refused, {row.amount} was paid, nothing says so")
    is_alone = replies.orders - (replies.accepted[0] if replies.accepted else 0) == 1 and replies.is_all_known
    is_due = replies.accepted is None or replies.accepted[1].value.amount == row.amount
    is_too_late = not is_by_stripe and row.status == "succeeded" and is_alone and is_due
    if is_too_late and (is_flagged or row.requested_terms.amount != row.amount):
        raise Violation(f"trace: {amount} came after the payment of {row.amount}, and left a trace")


def _check_kept(row: PaymentIntentState, intent: Intent | None, accepted: PaymentTerms) -> None:
    """Hold a row against what was accepted last, when nothing newer was asked for, or was refused."""
    if (row.requested_terms.cart_version or 0) < (accepted.cart_version or 0):
        stands = row.requested_terms.cart_version
        raise Violation(f"kept: version {accepted.cart_version} was accepted, {stands} stands")
    is_flagged = row.capture_amount is not None or "amount_mismatch" in row.flags
    if row.status == "succeeded" and row.amount_received != accepted.amount and not is_flagged:
        raise Violation(f"flag: {accepted.amount} was accepted last, {row.amount_received} was paid, nothing says so")
    if not fit(accepted, row.requested_terms) and not row.is_price_refused:
        kind = "given up" if row.is_rolled_back else "kept"
        raise Violation(f"{kind}: {said(accepted)} was accepted last, {said(row.requested_terms)} stands")
    is_ours = intent is not None and intent.ended_by not in {"", "dashboard", STRIPE}
    if intent is not None and is_ours and intent.amount == accepted.amount:
        raise Violation(f"kept: {accepted.amount} was accepted last, then {intent.ended_by} canceled it")


def _check_not_stuck(swept: State) -> None:
    """Check that the next PUT leaves something to pay, whoever asks for what.

    Where Stripe refuses something for good, a PUT of what it holds does.
    """
    kind: Kind = "cart" if swept.newest("cart") else "session"
    row = swept.newest(kind)
    if row is None or row.is_frozen or (row.status == "succeeded" and row.closed_at is None):
        return
    for wanted in [row.requested_terms] if swept.refuses and row.is_open else _ANYTHING:
        after = _put_alone(swept, kind, wanted)
        newest = after.newest(kind)
        if newest is None or not newest.is_payable or not newest.is_synced or newest.is_price_refused:
            raise Violation(f"stuck: {said(wanted)} can't be paid, and nobody but an operator could change that")
        if newest.is_checkout != (wanted.checkout is not None):
            raise Violation(f"stuck: {said(wanted)} leaves {newest.object_id} to pay")


def _put_alone(state: State, kind: Kind, wanted: PaymentTerms) -> State:
    """Let a PUT do its work alone, long after everything."""
    worker = Worker("PUT", PUT, kind, intern(wanted), steps.new_run(PUT, is_put=True))
    return _work(state, worker, NOTHING_LATE)


def _sweep_all(state: State, configuration: Configuration) -> State:
    """Let the sweep work alone, long after everything; once with what a long silence adds, if that is needed."""
    is_silent = bool({"lose", "restore", "wipe"} & set(configuration.budget))
    is_expiry_refused = _is_expiry_refused(state, configuration)
    state = state._replace(workers=(), late=(), budget=state.budget._replace(webhooks=0))
    kinds: tuple[Kind, ...] = ("cart", "session")
    for kind in kinds:
        for looks in range(MAX_LOOKS):
            before, row = state, state.newest(kind)
            if row is None or not row.is_open:
                break
            is_asked = is_silent and looks == 0
            now = _silent_until(row) if is_asked else NOTHING_LATE
            state = stripe.expire_all(state) if now >= checkout.ENDS_AT else state
            state = _work(state, Worker("JOB", JOB, kind, None, steps.new_run(JOB, is_put=False)), now)
            excused = is_asked or (_is_abandoned_at(row, now) and not is_expiry_refused)
            _check_due(row, now, is_changed=state != before, is_excused=excused)
            if state == before:
                break
        else:
            raise Violation("agree: the sweep never finds that nothing is left to do")
    return _sweep_closed(state, SILENT if is_silent else NOTHING_LATE)


def _sweep_closed(state: State, now: datetime) -> State:
    """Let the sweep end at Stripe what is closed here."""
    for _ in range(MAX_LOOKS):
        due = steps.next_of_closed(state.ours, now)
        if due is None:
            return state
        row, call = due
        due_since = due_at(row, CONFIG)
        if due_since is None or due_since > now:
            raise Violation("due: there is something to do about a closed row, and no look is due")
        state, answer = stripe.execute(state, call, "JOB")[:2]
        state, now = state._replace(ours=steps.record_closed(state.ours, call, answer)), NOTHING_LATE
    raise Violation("agree: the sweep never finds that nothing is left to do about a closed row")


def _silent_until(row: PaymentIntentState) -> datetime:
    """Return when the sweep asks about a PaymentIntent of which nothing is heard: when a look is due, in time."""
    due = due_at(row, CONFIG)
    return SILENT if due is None else min(max(SILENT, due + MINUTE), LONG_SILENT)


def _is_expiry_refused(state: State, configuration: Configuration) -> bool:
    """Whether Stripe refused to cancel what was abandoned: it is not to be tried again at each look."""
    is_done = "EXPIRE" in configuration.others and all(worker.name != "EXPIRE" for worker in state.workers)
    return is_done and "cancel requires_payment_method" in configuration.refuses


def _is_abandoned_at(row: PaymentIntentState, now: datetime) -> bool:
    return is_abandoned(row, Context(CONFIG, now, row.id, row.id, SECRETS))


def _check_due(row: PaymentIntentState, now: datetime, *, is_changed: bool, is_excused: bool) -> None:
    """Check that a look is due when there is something to do, and only then."""
    due = due_at(row, CONFIG)
    is_due = due is not None and due <= now
    if is_changed and not is_due:
        raise Violation("due: there is something to do, and no look is due")
    if is_due and not is_changed and not is_excused:
        raise Violation("due: a look is due again and again, and there is nothing to do")


def _work(state: State, worker: Worker, now: datetime) -> State:
    """Let a worker do its work alone."""
    outcome = steps.begin(state.ours, worker.kind, worker.name, worker.wanted, worker.run, now)
    while outcome.call is not None:
        state = state._replace(ours=outcome.ours)
        worker = worker._replace(run=outcome.run, call=outcome.call)
        state, answer, _ = stripe.execute(state, outcome.call, worker.name)
        outcome = workers.recorded(state, worker, answer, NOTHING_LATE)
    if isinstance(outcome.step, Wait):
        raise Violation("agree: a lease is waited for that nobody holds")
    return state._replace(ours=outcome.ours)

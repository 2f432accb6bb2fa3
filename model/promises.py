"""What must hold in every state, and once all is quiet."""

from collections.abc import Iterator
from datetime import datetime

from app.payment_intents.protocol.commands import is_abandoned
from app.payment_intents.protocol.state import Context, PaymentIntentState, due_at
from app.payment_intents.protocol.steps import Wait
from app.payment_intents.protocol.terms import Kind, PaymentTerms
from model import steps, stripe, workers
from model.configurations import Configuration
from model.state import CAN_CHANGE, TERMINAL, Intent, Interned, Ours, State, Worker
from model.steps import CONFIG, LONG_SILENT, MINUTE, NOTHING_LATE, SECRETS, SILENT, remembered


class Violation(Exception):
    """A promise is broken."""


# Looks of the sweep until nothing is left to do.
MAX_LOOKS = 12

JOB = 99


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
    live = [row.reference for each in state.intents if each.status not in TERMINAL and (row := ours.get(each.row))]
    if len(live) > 1 and len(live) != len(set(live)):
        raise Violation("one: two PaymentIntents of a reference are live at Stripe")
    if sum(each.status == "succeeded" for each in state.intents) > 1:
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
    if any(row.is_open and due_at(row, CONFIG) is None for row in ours.value.rows):
        return "due: nobody would ever look at an open row again"
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
    return is_done and not state.late and not state.webhooks


def _check_quiet(state: State, configuration: Configuration) -> None:
    """Let the sweep come until it finds nothing to do, then compare both sides."""
    swept = _sweep_all(state, is_silent=bool({"lose", "restore"} & set(configuration.budget)))
    for intent in swept.intents:
        row = swept.ours.value.at_stripe(intent.id)
        if row is None:
            raise Violation(f"agree: {intent.id} is {intent.status} at Stripe and unknown here")
        _check_agreement(intent, row)
    if not {"PUT AT CART", "CANCEL"} & set(configuration.others):
        _check_requests(state, swept)


def _check_agreement(intent: Intent, row: PaymentIntentState) -> None:
    if (row.status, row.amount) != (intent.status, intent.amount):
        raise Violation(f"agree: {intent.id} is {intent.status} {intent.amount}, here {row.status} {row.amount}")
    requested, held = _price_and_text(row.requested_terms), (intent.amount, intent.description)
    if row.is_open and intent.status in CAN_CHANGE and held != requested:
        raise Violation(f"agree: Stripe holds {held}, and {requested} is requested")
    owed = row.requested_terms.amount if row.capture_amount is None else row.capture_amount
    if intent.status == "succeeded" and intent.amount_received != owed and "amount_mismatch" not in row.flags:
        raise Violation(f"flag: {intent.amount_received} was paid of {owed}, and nothing says so")


def _price_and_text(terms: PaymentTerms) -> tuple[int, str | None]:
    return terms.amount, terms.description


def _check_requests(state: State, swept: State) -> None:
    """Hold what stands against what callers were told."""
    replies, row = state.replies, swept.newest("cart") or swept.newest("session")
    if row is None:
        return
    intent = next((each for each in swept.intents if each.id == row.stripe_id), None)
    stands = (intent.amount, intent.description) if intent is not None and intent.status in CAN_CHANGE else None
    accepted = _price_and_text(replies.accepted[1].value) if replies.accepted else None
    if stands in [_price_and_text(each.value) for each in replies.refused] and stands != accepted:
        raise Violation(f"refused: {stands} was refused, and stands")
    if replies.accepted is None:
        return
    if replies.accepted[0] == replies.orders or (replies.is_all_known and row.is_open):
        _check_kept(row, intent, replies.accepted[1].value)


def _check_kept(row: PaymentIntentState, intent: Intent | None, accepted: PaymentTerms) -> None:
    """Hold a row against what was accepted last, when nothing newer was asked for, or was refused."""
    if (row.requested_terms.cart_version or 0) < (accepted.cart_version or 0):
        stands = row.requested_terms.cart_version
        raise Violation(f"kept: version {accepted.cart_version} was accepted, {stands} stands")
    is_flagged = row.capture_amount is not None or "amount_mismatch" in row.flags
    if row.status == "succeeded" and row.amount_received != accepted.amount and not is_flagged:
        raise Violation(f"flag: {accepted.amount} was accepted last, {row.amount_received} was paid, nothing says so")
    if _price_and_text(row.requested_terms) != _price_and_text(accepted):
        kind = "given up" if row.is_rolled_back else "kept"
        stands_instead = _price_and_text(row.requested_terms)
        raise Violation(f"{kind}: {_price_and_text(accepted)} was accepted last, {stands_instead} stands")
    is_ours = intent is not None and intent.ended_by not in {"", "dashboard"}
    if intent is not None and is_ours and intent.amount == accepted.amount:
        raise Violation(f"kept: {accepted.amount} was accepted last, then {intent.ended_by} canceled it")


def _sweep_all(state: State, *, is_silent: bool) -> State:
    """Let the sweep work alone, long after everything; once with what a long silence adds, if that is needed."""
    state = state._replace(workers=(), late=(), budget=state.budget._replace(webhooks=0))
    kinds: tuple[Kind, ...] = ("cart", "session")
    for kind in kinds:
        for looks in range(MAX_LOOKS):
            before, row = state, state.newest(kind)
            if row is None or not row.is_open:
                break
            is_asked = is_silent and looks == 0
            now = _silent_until(row) if is_asked else NOTHING_LATE
            state = _sweep(state, Worker("JOB", JOB, kind, None, steps.new_run(JOB, is_put=False)), now)
            _check_due(row, now, is_changed=state != before, is_asked=is_asked)
            if state == before:
                break
        else:
            raise Violation("agree: the sweep never finds that nothing is left to do")
    return state


def _silent_until(row: PaymentIntentState) -> datetime:
    """Return when the sweep asks about a PaymentIntent of which nothing is heard: when a look is due, in time."""
    due = due_at(row, CONFIG)
    return SILENT if due is None else min(max(SILENT, due + MINUTE), LONG_SILENT)


def _check_due(row: PaymentIntentState, now: datetime, *, is_changed: bool, is_asked: bool) -> None:
    """Check that a look is due when there is something to do, and only then."""
    due = due_at(row, CONFIG)
    is_due = due is not None and due <= now
    if is_changed and not is_due:
        raise Violation("due: there is something to do, and no look is due")
    is_to_expire = is_abandoned(row, Context(CONFIG, now, row.id, row.id, SECRETS))
    if is_due and not is_changed and not is_asked and not is_to_expire:
        raise Violation("due: a look is due again and again, and there is nothing to do")


def _sweep(state: State, worker: Worker, now: datetime) -> State:
    outcome = steps.begin(state.ours, worker.kind, worker.name, None, worker.run, now)
    while outcome.call is not None:
        state = state._replace(ours=outcome.ours)
        worker = worker._replace(run=outcome.run, call=outcome.call)
        state, answer, _ = stripe.execute(state, outcome.call, worker.name)
        outcome = workers.recorded(state, worker, answer, NOTHING_LATE)
    if isinstance(outcome.step, Wait):
        raise Violation("agree: the sweep waits for a lease that nobody holds")
    return state._replace(ours=outcome.ours)

"""What must hold in every state, and once all is quiet."""

from collections.abc import Iterator

from model import runs, service, stripe
from model.configurations import Configuration
from model.state import FREE, TERMINAL, Content, Intent, Row, Run, State
from model.translation import When


class Violation(Exception):
    """A promise is broken."""


# Looks of the sweep until nothing is left to do.
MAX_LOOKS = 12

LATER = When(is_expired=True, is_owner_gone=True, is_nothing_late=True)


def broken(state: State, configuration: Configuration) -> Iterator[str]:
    """Say which promises a state breaks, each as "kind: what"."""
    if state.told.lie:
        yield state.told.lie
    try:
        _check(state, configuration)
        if _is_quiet(state):
            _check_quiet(state, configuration)
    except Violation as violation:
        yield str(violation)


def _check(state: State, configuration: Configuration) -> None:
    """Look at what must hold always."""
    live = [state.ours.rows[each.row].kind for each in state.intents if each.status not in TERMINAL]
    if len(live) != len(set(live)):
        raise Violation("one: two PaymentIntents of a reference are live at Stripe")
    rows = [row.kind for row in state.ours.rows if row.closed_reason is None]
    if len(rows) != len(set(rows)):
        raise Violation("one: two rows of a reference are live")
    if sum(each.status == "succeeded" for each in state.intents) > 1:
        raise Violation("one: it was paid twice")
    if configuration.is_late_harmless:
        _check_paid(state)


def _check_paid(state: State) -> None:
    told, newest = state.told, state.ours.newest("cart")
    if newest is None or told.accepted is None or told.accepted[0] != told.orders:
        return
    for intent in state.intents:
        if intent.row == newest and intent.status == "succeeded" and intent.amount != told.accepted[1].amount:
            raise Violation(f"paid: {told.accepted[1].amount} was accepted, then {intent.amount} was paid")


def _is_quiet(state: State) -> bool:
    """Tell whether nobody does anything any more but the sweep."""
    is_done = all(run.point == "start" and run.name != "PUT" for run in state.runs)
    return is_done and not state.late and not state.webhooks


def _check_quiet(state: State, configuration: Configuration) -> None:
    """Let the sweep come until it finds nothing to do, then compare both sides."""
    settled = _settle(state, is_silent=bool({"lose", "restore"} & set(configuration.budget)))
    for number, intent in enumerate(settled.intents):
        row = next((each for each in settled.ours.rows if each.stripe_id == number), None)
        if row is None:
            raise Violation(f"agree: pi_{number} is {intent.status} at Stripe and unknown here")
        if (row.status, row.amount) != (intent.status, intent.amount):
            raise Violation(f"agree: pi_{number} is {intent.status} {intent.amount}, here {row.status} {row.amount}")
        if row.is_open and intent.status in FREE and (intent.amount, intent.note) != row.requested[:2]:
            raise Violation(f"agree: Stripe holds {intent.amount} {intent.note}, and {row.requested} is requested")
        if intent.status == "succeeded" and intent.received != _owed(row) and "amount_mismatch" not in row.flags:
            raise Violation(f"flag: {intent.received} was paid of {_owed(row)}, and nothing tells of it")
    if not {"PUT AT CART", "CANCEL"} & set(configuration.others):
        _check_requests(state, settled)


def _owed(row: Row) -> int:
    return row.requested.amount if row.capture is None else row.capture


def _check_requests(state: State, settled: State) -> None:
    told, number = state.told, settled.ours.newest("cart" if settled.ours.newest("cart") is not None else "session")
    if number is None:
        return
    row = settled.ours.rows[number]
    intent = None if row.stripe_id is None else settled.intents[row.stripe_id]
    stands = None if intent is None or intent.status not in FREE else (intent.amount, intent.note)
    accepted = told.accepted[1][:2] if told.accepted else None
    if stands in [each[:2] for each in told.refused] and stands != accepted:
        raise Violation(f"refused: {stands} was refused, and stands")
    if told.accepted is not None and (told.accepted[0] == told.orders or (told.is_all_known and row.is_open)):
        _check_kept(row, intent, told.accepted[1])


def _check_kept(row: Row, intent: Intent | None, accepted: Content) -> None:
    """Hold a reference's row against what was accepted last, when nothing newer was asked for, or was refused."""
    if (row.requested.cart_version or 0) < (accepted.cart_version or 0):
        raise Violation(f"kept: version {accepted.cart_version} was accepted, {row.requested.cart_version} stands")
    is_told = row.capture is not None or "amount_mismatch" in row.flags
    if row.status == "succeeded" and row.received != accepted.amount and not is_told:
        raise Violation(f"flag: {accepted.amount} was accepted last, {row.received} was paid, nothing tells of it")
    if row.requested[:2] != accepted[:2]:
        kind = "given up" if row.is_rolled_back else "kept"
        raise Violation(f"{kind}: {accepted[:2]} was accepted last, {row.requested[:2]} stands")
    is_ours = intent is not None and intent.ended_by not in {"", "dashboard"}
    if intent is not None and is_ours and intent.amount == accepted.amount:
        raise Violation(f"kept: {accepted.amount} was accepted last, then {intent.ended_by} cancelled it")


def _settle(state: State, *, is_silent: bool) -> State:
    """Let the sweep work alone, long after everything; once with what an hour of silence adds, if that is needed."""
    state = state._replace(runs=(), late=(), budget=state.budget._replace(webhooks=0))
    for kind in ("cart", "session"):
        for looks in range(MAX_LOOKS):
            before, number = state, state.ours.newest(kind)
            if number is None or not state.ours.rows[number].is_open:
                break
            state = _sweep(state, Run("JOB", 99, kind), LATER._replace(is_silent=is_silent and looks == 0))
            if state == before:
                break
        else:
            raise Violation("agree: the sweep never finds that nothing is left to do")
    return state


def _sweep(state: State, run: Run, when: When) -> State:
    outcome = service.declare(state.ours, run, when)
    while (run_now := outcome.run) is not None:
        state = state._replace(ours=outcome.ours)
        if run_now.call is None:
            raise Violation("agree: the sweep waits for a lease that nobody holds")
        state, answer = stripe.execute(state, run_now.call, run_now.name)
        outcome = runs.recorded(state, run_now._replace(answer=answer), answer, LATER)
    return state._replace(ours=outcome.ours)

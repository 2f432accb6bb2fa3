"""Stripe, as far as it matters: what a call does there, and what it says."""

from typing import Any

from model.state import FREE, TOO_SMALL, Answer, Call, Content, Intent, Run, Snapshot, State

STORED_FAILURE = Answer("failure from memory")


def execute(state: State, call: Call, who: str) -> tuple[State, Answer]:
    """Do what a request asks for, at the moment when it reaches Stripe."""
    match call.name:
        case "create":
            return _create(state, call)
        case "find":
            return state, _find(state, call)
        case "update":
            return _update(state, call)
        case "cancel" | "capture":
            return _end(state, call, who)
        case _:
            return state, _show(state, call)


def _create(state: State, call: Call) -> tuple[State, Answer]:
    for key, answer in state.keys:
        if key == call.row:
            told = answer.snapshot
            return state, answer if told is None else Answer("snapshot", told._replace(is_replay=True))
    wanted = Content(**dict(call.changes))  # type: ignore[arg-type]
    if wanted.amount == TOO_SMALL:
        return state, Answer("refused")
    intent = Intent(
        call.row, "requires_payment_method", wanted.amount, wanted.note, wanted.cart_version, call.revision, call.kind
    )
    state = change(state, len(state.intents), intent)
    answer = Answer("snapshot", Snapshot(len(state.intents) - 1, intent))
    return remember(state, call.row, answer), answer


def remember(state: State, row: int, answer: Answer) -> State:
    """Keep the answer to a creating call under its key."""
    return state._replace(keys=tuple(sorted({**dict(state.keys), row: answer}.items(), key=lambda item: item[0])))


def _find(state: State, call: Call) -> Answer:
    for number, intent in enumerate(state.intents):
        if intent.row == call.row:
            return Answer("snapshot", Snapshot(number, intent))
    return Answer("none")


def _show(state: State, call: Call, name: str = "snapshot") -> Answer:
    number = call.stripe_id or 0
    return Answer(name, Snapshot(number, state.intents[number]))


def _update(state: State, call: Call) -> tuple[State, Answer]:
    number = call.stripe_id or 0
    intent, changes = state.intents[number], dict[str, Any](call.changes)
    if intent.status not in FREE:
        return state, _show(state, call, "unexpected state")
    if changes.get("amount") == TOO_SMALL:
        return state, Answer("refused")
    state = change(state, number, intent._replace(revision=call.revision, kind=call.kind, **changes))
    return state, _show(state, call)


def _end(state: State, call: Call, who: str) -> tuple[State, Answer]:
    number = call.stripe_id or 0
    intent = state.intents[number]
    is_held = intent.status == "requires_capture"
    if call.name == "cancel" and (is_held or intent.status in FREE):
        state = change(state, number, intent._replace(status="canceled", ended_by=who))
    elif call.name == "capture" and is_held:
        received: Any = dict(call.changes)["amount"]
        state = change(state, number, intent._replace(status="succeeded", received=received))
    else:
        return state, _show(state, call, "unexpected state")
    return state, _show(state, call)


def change(state: State, number: int, intent: Intent) -> State:
    """Make or change a PaymentIntent; runs see what Stripe holds, and a webhook tells of another status."""
    was = state.intents[number].status if number < len(state.intents) else None
    intents = (*state.intents[:number], intent, *state.intents[number + 1 :])
    runs = tuple(_see(run, intent) for run in state.runs)
    return (
        state._replace(intents=intents, runs=runs)
        if was == intent.status
        else tell(state._replace(intents=intents, runs=runs), number)
    )


def tell(state: State, number: int) -> State:
    """Send a webhook."""
    if not state.budget.webhooks:
        return state
    return state._replace(webhooks=tuple(sorted((*state.webhooks, Snapshot(number, state.intents[number])), key=str)))


def _see(run: Run, intent: Intent) -> Run:
    return run._replace(seen=run.seen | 1 << intent.amount) if run.name == "PUT" and run.order else run

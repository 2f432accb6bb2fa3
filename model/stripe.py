"""Stripe, as far as it matters: what a call does there, and what it says."""

import json
from typing import Any, NamedTuple

from app.payment_intents.protocol import steps as protocol
from app.payment_intents.protocol.steps import Answer, Call
from model.state import CAN_CHANGE, Intent, Interned, Snapshot, State, Worker, intern
from model.steps import remembered

# Stripe refuses such an amount for good.
TOO_SMALL = 0


class Executed(NamedTuple):
    """Stripe after a call, and what it says; `is_refusal`: the PaymentIntent's state did not allow it."""

    state: State
    answer: Interned[Answer]
    is_refusal: bool = False


def execute(state: State, interned: Interned[Call], who: str) -> Executed:
    """Do what a request asks for, at the moment when it reaches Stripe."""
    match interned.value:
        case protocol.CreateCall(key=key):
            return _create(state, interned, key)
        case protocol.FindCall(metadata=metadata):
            return Executed(state, _find(state, metadata))
        case protocol.RetrieveCall(stripe_id):
            return Executed(state, _show(state, _number(stripe_id)))
        case protocol.UpdateCall(stripe_id):
            return _update(state, interned, _number(stripe_id))
        case protocol.CancelCall(stripe_id) | protocol.CaptureCall(stripe_id):
            return _end(state, interned.value, _number(stripe_id), who)


def _create(state: State, call: Interned[Call], key: str) -> Executed:
    for known, answer in state.keys:
        if known == key:
            return Executed(state, _replayed(answer))
    intent = _created(call)
    if intent.amount == TOO_SMALL:
        return Executed(state, intern(protocol.Refused()))
    number = len(state.intents)
    state = change(state, number, intent)
    answer = _show(state, number)
    return Executed(remember(state, key, answer), answer)


def remember(state: State, key: str, answer: Interned[Answer]) -> State:
    """Keep the answer to a create call under its key."""
    return state._replace(keys=tuple(sorted((dict(state.keys) | {key: answer}).items(), key=lambda item: item[0])))


def _replayed(answer: Interned[Answer]) -> Interned[Answer]:
    shown = answer.value
    if isinstance(shown, protocol.Answered) and isinstance(shown.snapshot, Snapshot):
        return intern(protocol.Answered(shown.snapshot._replace(is_replay=True)))
    return answer


@remembered
def _created(call: Interned[Call]) -> Intent:
    assert isinstance(call.value, protocol.CreateCall)
    params = json.loads(call.value.params)
    row = _row(params["metadata"])
    return _with_params(Intent(row, "requires_payment_method", 0, None, ()), params)


def _find(state: State, metadata: dict[str, str]) -> Interned[Answer]:
    row = _row(metadata)
    for number, intent in enumerate(state.intents):
        if intent.row == row:
            return _show(state, number)
    return intern(protocol.FoundNothing())


def _show(state: State, number: int) -> Interned[Answer]:
    return _shown(number, state.intents[number])


@remembered
def _shown(number: int, intent: Intent) -> Interned[Answer]:
    return intern(protocol.Answered(Snapshot(number, intent)))


def _update(state: State, call: Interned[Call], number: int) -> Executed:
    intent = state.intents[number]
    if intent.status not in CAN_CHANGE:
        return Executed(state, _show(state, number), is_refusal=True)
    updated = _updated(call, intent)
    if updated.amount == TOO_SMALL:
        return Executed(state, intern(protocol.Refused()))
    state = change(state, number, updated)
    return Executed(state, _show(state, number))


@remembered
def _updated(call: Interned[Call], intent: Intent) -> Intent:
    assert isinstance(call.value, protocol.UpdateCall)
    return _with_params(intent, call.value.params)


def _with_params(intent: Intent, params: dict[str, Any]) -> Intent:
    """Return it with what form parameters set; an empty string unsets."""
    metadata = {name: value for name, value in (dict(intent.metadata) | params["metadata"]).items() if value != ""}
    return intent._replace(
        amount=params.get("amount", intent.amount),
        description=params.get("description", intent.description) or None,
        metadata=tuple(sorted(metadata.items())),
    )


def _end(state: State, call: protocol.CancelCall | protocol.CaptureCall, number: int, who: str) -> Executed:
    intent = state.intents[number]
    is_held = intent.status == "requires_capture"
    if isinstance(call, protocol.CancelCall) and (is_held or intent.status in CAN_CHANGE):
        state = change(state, number, intent._replace(status="canceled", ended_by=who))
    elif isinstance(call, protocol.CaptureCall) and is_held:
        state = change(state, number, intent._replace(status="succeeded", received=call.amount))
    else:
        return Executed(state, _show(state, number), is_refusal=True)
    return Executed(state, _show(state, number))


def change(state: State, number: int, intent: Intent) -> State:
    """Make or change a PaymentIntent; PUTs see what Stripe holds, and a webhook says that its status is another."""
    before = state.intents[number].status if number < len(state.intents) else None
    intents = (*state.intents[:number], intent, *state.intents[number + 1 :])
    state = state._replace(intents=intents, workers=tuple(_see(worker, intent) for worker in state.workers))
    return state if before == intent.status else send_webhook(state, number)


def send_webhook(state: State, number: int) -> State:
    if not state.budget.webhooks:
        return state
    webhooks = (*state.webhooks, intern(Snapshot(number, state.intents[number])))
    return state._replace(webhooks=tuple(sorted(webhooks, key=lambda webhook: webhook.number)))


def _see(worker: Worker, intent: Intent) -> Worker:
    return worker._replace(seen=worker.seen | 1 << intent.amount) if worker.name == "PUT" and worker.order else worker


def _row(metadata: dict[str, str]) -> int:
    return int(metadata["payment_intent_id"].replace("-", ""), 16)


def _number(stripe_id: str) -> int:
    return int(stripe_id.removeprefix("pi_"))

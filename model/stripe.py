"""Stripe, as far as it matters: what a call does there, and what it says."""

import json
from typing import Any, NamedTuple

from app.payment_intents.protocol import steps as protocol
from app.payment_intents.protocol.steps import Answer, Call
from model import checkout
from model.state import CAN_CHANGE, GONE, STRIPE, Intent, Interned, State, Worker, intern
from model.steps import remembered

# Stripe refuses such an amount for good.
TOO_SMALL = 0

UNEXPECTED_STATE = "payment_intent_unexpected_state"


class Executed(NamedTuple):
    """Stripe after a call, and what it says; `is_refusal`: the PaymentIntent's state did not allow it."""

    state: State
    answer: Interned[Answer]
    is_refusal: bool = False


@remembered
def _refused(intent: Intent) -> Interned[Answer]:
    """Return that the state does not allow it, which Stripe shows."""
    return intern(protocol.Refused(UNEXPECTED_STATE, snapshot=intent))


def execute(state: State, interned: Interned[Call], who: str) -> Executed:
    """Do what a request asks for, at the moment when it reaches Stripe."""
    match interned.value:
        case protocol.RetrieveCall() | protocol.UpdateCall() | protocol.CancelCall() | protocol.CaptureCall() if (
            _named(state, interned.value.stripe_id).status == GONE
        ):
            return Executed(state, intern(protocol.Gone()))
        case protocol.CreateCall(key=key):
            return _create(state, interned, key)
        case protocol.FindCall(metadata=metadata, is_checkout=is_checkout):
            return Executed(state, _find(state, metadata, is_checkout=is_checkout))
        case protocol.RetrieveCall(stripe_id):
            return Executed(state, _shown(_named(state, stripe_id)))
        case protocol.UpdateCall(stripe_id):
            return _update(state, interned, _named(state, stripe_id))
        case protocol.CancelCall(stripe_id, is_checkout=True):
            return _expire(state, _named(state, stripe_id), who)
        case protocol.CancelCall(stripe_id) | protocol.CaptureCall(stripe_id):
            return _end(state, interned.value, _named(state, stripe_id), who)
        case protocol.ConfirmCall():
            raise NotImplementedError("shoppers confirm here")


def _create(state: State, call: Interned[Call], key: str) -> Executed:
    for known, answer in state.keys:
        if known == key:
            return Executed(state, _replayed(answer))
    intent = _created(call, len(state.intents))
    if intent.amount == TOO_SMALL:
        return Executed(state, intern(protocol.Refused()))
    answer = _shown(intent)
    return Executed(remember(change(state, intent), key, answer), answer)


def remember(state: State, key: str, answer: Interned[Answer]) -> State:
    """Keep the answer to a create call under its key."""
    return state._replace(keys=tuple(sorted((dict(state.keys) | {key: answer}).items(), key=lambda item: item[0])))


def _replayed(answer: Interned[Answer]) -> Interned[Answer]:
    shown = answer.value
    if isinstance(shown, protocol.Answered) and isinstance(shown.snapshot, Intent):
        return intern(protocol.Answered(shown.snapshot._replace(is_replay=True)))
    return answer


@remembered
def _created(call: Interned[Call], number: int) -> Intent:
    assert isinstance(call.value, protocol.CreateCall)
    params = json.loads(call.value.params)
    row = _row(params["metadata"])
    intent = _with_params(Intent(number, row, "requires_payment_method", 0, None, ()), params)
    if not call.value.is_checkout:
        return intent
    return checkout.opened(checkout.with_sum(intent, params["line_items"]), params["ui_mode"])


def _find(state: State, metadata: dict[str, str], *, is_checkout: bool) -> Interned[Answer]:
    row = _row(metadata)
    for intent in state.intents:
        if intent.row == row and intent.status != GONE and (intent.checkout is not None) == is_checkout:
            return _shown(intent)
    return intern(protocol.FoundNothing())


@remembered
def _shown(intent: Intent) -> Interned[Answer]:
    return intern(protocol.Answered(intent))


def _update(state: State, call: Interned[Call], intent: Intent) -> Executed:
    assert isinstance(call.value, protocol.UpdateCall)
    params = call.value.params
    if intent.checkout is not None:
        return _update_session(state, call, intent, params)
    is_customer_fixed = "customer" in params and intent.customer is not None  # the same one too
    is_refused = f"update {intent.status}" in state.refuses
    if intent.status not in CAN_CHANGE or is_customer_fixed or is_refused:
        return Executed(state, _refused(intent), is_refusal=True)
    if params.get("amount") == TOO_SMALL or "" in (params.get("description"), params.get("customer")):
        return Executed(state, intern(protocol.Refused()))
    updated = _updated(call, intent)
    return Executed(change(state, updated), _shown(updated))


def _update_session(state: State, call: Interned[Call], intent: Intent, params: dict[str, Any]) -> Executed:
    """Change what is said of a session, and its items while it is open; what is refused is not shown."""
    assert intent.checkout is not None
    items = params.get("line_items")
    if items and (intent.checkout.status != "open" or f"update {intent.status}" in state.refuses):
        return Executed(state, intern(protocol.Refused()), is_refusal=True)
    if items and checkout.with_sum(intent, items).amount == TOO_SMALL:
        return Executed(state, intern(protocol.Refused()))
    updated = _updated(call, intent)
    return Executed(change(state, updated), _shown(updated))


@remembered
def _updated(call: Interned[Call], intent: Intent) -> Intent:
    assert isinstance(call.value, protocol.UpdateCall)
    params = call.value.params
    updated = _with_params(intent, params)
    return checkout.with_items(updated, params["line_items"]) if "line_items" in params else updated


def _with_params(intent: Intent, params: dict[str, Any]) -> Intent:
    """Return it with what form parameters set; an empty string unsets."""
    metadata = {name: value for name, value in {**intent.metadata, **params["metadata"]}.items() if value != ""}
    return intent._replace(
        amount=params.get("amount", intent.amount),
        description=params.get("description", intent.description),
        customer=params.get("customer", intent.customer),
        items=tuple(sorted(metadata.items())),
    )


def _end(state: State, call: protocol.CancelCall | protocol.CaptureCall, intent: Intent, who: str) -> Executed:
    """Cancel or capture a PaymentIntent; a session's, which is shown alone, only while money is held."""
    is_held = intent.status == "requires_capture"
    shown = intent if intent.checkout is None else checkout.payment_of(intent)
    operation = "cancel" if isinstance(call, protocol.CancelCall) else "capture"
    may_cancel = operation == "cancel" and intent.checkout is None and intent.status in CAN_CHANGE
    if f"{operation} {intent.status}" in state.refuses or not (is_held or may_cancel):
        return Executed(state, _refused(shown), is_refusal=True)
    if intent.checkout is not None:
        ended = checkout.confirmed(intent, "canceled" if operation == "cancel" else "succeeded")
        return Executed(change(state, ended), _shown(checkout.payment_of(ended)))
    if isinstance(call, protocol.CancelCall):
        ended = intent._replace(status="canceled", ended_by=who)
    else:
        ended = intent._replace(status="succeeded", amount_received=call.amount)
    return Executed(change(state, ended), _shown(ended))


def _expire(state: State, intent: Intent, who: str) -> Executed:
    """Expire a session while it is open, else refuse that without showing how it stands."""
    assert intent.checkout is not None
    if intent.checkout.status != "open" or f"cancel {intent.status}" in state.refuses:
        return Executed(state, intern(protocol.Refused()), is_refusal=True)
    ended = checkout.expired(intent, who)
    return Executed(change(state, ended), _shown(ended))


def expire_all(state: State) -> State:
    """Let the time of every open session be over."""
    for intent in state.intents:
        if intent.checkout is not None and intent.status in CAN_CHANGE:
            state = change(state, checkout.expired(intent, STRIPE))
    return state


def change(state: State, intent: Intent) -> State:
    """Make or change a PaymentIntent; PUTs see what Stripe holds, and a webhook says that its status is another."""
    number = intent.number
    before = state.intents[number].status if number < len(state.intents) else None
    intents = (*state.intents[:number], intent, *state.intents[number + 1 :])
    state = state._replace(intents=intents, workers=tuple(_see(worker, intent) for worker in state.workers))
    return state if before == intent.status else send_webhook(state, intent)


def wipe(state: State) -> State:
    """Delete everything, as a person may with test data."""
    intents = tuple(intent._replace(status=GONE) for intent in state.intents)
    return state._replace(intents=intents, keys=(), webhooks=())


def send_webhook(state: State, intent: Intent) -> State:
    if not state.budget.webhooks:
        return state
    webhooks = sorted((*state.webhooks, intern(intent)), key=lambda webhook: webhook.number)
    return state._replace(webhooks=tuple(webhooks))


def _see(worker: Worker, intent: Intent) -> Worker:
    return worker._replace(seen=worker.seen | 1 << intent.amount) if worker.name == "PUT" and worker.order else worker


def _row(metadata: dict[str, str]) -> int:
    return int(metadata["payment_intent_id"].replace("-", ""), 16)


def _named(state: State, stripe_id: str) -> Intent:
    return state.intents[int(stripe_id.partition("_")[2])]

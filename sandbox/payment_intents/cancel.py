"""Cancel a PaymentIntent, by request, by the clock or by the confirmation limit."""

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.config import OPEN_STATUSES
from sandbox.errors import UnexpectedStateError
from sandbox.events import emit
from sandbox.methods.transfer import give_back
from sandbox.payment_intents.find import find
from sandbox.payment_intents.params import listed
from sandbox.store import JsonObject

CANCELABLE = OPEN_STATUSES | {"requires_capture"}


def cancel(account: Account, call: Call) -> JsonObject:
    intent = find(account, call)
    check_not_of_session(account, intent, "cancel")
    check_cancelable(account, intent)
    return cancel_intent(account, intent, call.params.get("cancellation_reason"))


def check_cancelable(account: Account, intent: JsonObject) -> None:
    if intent["status"] not in CANCELABLE and not _is_cancelable_debit(account, intent):
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {listed(CANCELABLE)}."
        )
        raise UnexpectedStateError(message, intent, account.config.unconfirmed.unexpected_state_param)


def _is_cancelable_debit(account: Account, intent: JsonObject) -> bool:
    return intent["status"] == "processing" and account.config.unconfirmed.processing_cancel == "accept"


def check_not_of_session(account: Account, intent: JsonObject, verb: str) -> None:
    """Raise UnexpectedStateError for what only the Checkout Session may do; releasing a hold is allowed."""
    session = account.notes(intent["id"]).get("session")
    if session is None or (verb == "cancel" and intent["status"] == "requires_capture"):
        return
    message = (
        f"You cannot {verb} this PaymentIntent because it was created by the Checkout Session {session}. "
        "Expire the Checkout Session instead."
    )
    raise UnexpectedStateError(message, intent)


def cancel_intent(account: Account, intent: JsonObject, reason: str | None) -> JsonObject:
    """Cancel the PaymentIntent; an authorisation is released without a Refund and without a change of its Charge."""
    account.timers.remove("expire_authorization", intent["id"])
    give_back(account, intent)
    if intent["status"] == "processing":
        _cancel_debit(account, intent)
    changed = account.change(
        intent,
        amount_capturable=0,
        canceled_at=account.clock.timestamp(),
        cancellation_reason=reason,
        next_action=None,
        status="canceled",
    )
    emit(account, "payment_intent.canceled", changed)
    return changed


def _cancel_debit(account: Account, intent: JsonObject) -> None:
    """Fail the pending Charge of a bank debit, which then never becomes money."""
    account.timers.remove("finish_processing", intent["id"])
    charge = account.the("charge", intent["latest_charge"])
    emit(account, "charge.failed", account.change(charge, status="failed"))


def abandon(account: Account, intent_id: str) -> None:
    """Cancel a PaymentIntent that nobody paid, where the config says that Stripe does so."""
    intent = account.get("payment_intent", intent_id)
    if intent is not None and intent["status"] in OPEN_STATUSES:
        cancel_intent(account, intent, "automatic")

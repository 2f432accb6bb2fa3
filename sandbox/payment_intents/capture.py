"""Capture an authorisation, whole or in part, or let it expire."""

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.api.params import merged
from sandbox.currencies import shown
from sandbox.errors import ApiError, NotImplementedHereError, UnexpectedStateError
from sandbox.events import emit
from sandbox.payment_intents.cancel import cancel_intent
from sandbox.payment_intents.descriptor import check_descriptor
from sandbox.payment_intents.find import find
from sandbox.payment_intents.outcomes import succeed
from sandbox.store import JsonObject


def capture(account: Account, call: Call) -> JsonObject:
    intent = find(account, call)
    _check(account, intent, call)
    check_descriptor(intent["payment_method_types"], call.params)
    amount = call.params.get("amount_to_capture", intent["amount_capturable"])
    account.timers.remove("expire_authorization", intent["id"])
    charge = account.the("charge", intent["latest_charge"])
    captured = account.change(charge, amount_captured=amount, captured=True)
    emit(account, "charge.captured", captured, {"captured": False})
    changes = {name: value for name, value in call.params.items() if name.startswith("statement_descriptor")}
    if "metadata" in call:
        changes["metadata"] = merged(intent["metadata"], call.params["metadata"])
    return succeed(account, {**intent, **changes}, captured)


def _check(account: Account, intent: JsonObject, call: Call) -> None:
    if intent["status"] != "requires_capture":
        message = (
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture."
        )
        raise UnexpectedStateError(message, intent, account.config.unconfirmed.unexpected_state_param)
    if call.params.get("final_capture") is False:
        raise NotImplementedHereError("several captures of one PaymentIntent", param="final_capture")
    wanted, capturable = call.params.get("amount_to_capture", 0), intent["amount_capturable"]
    if wanted > capturable:
        message = (
            f"The amount to capture ({shown(wanted, intent['currency'])}) is greater than the capturable amount "
            f"({shown(capturable, intent['currency'])})."
        )
        raise ApiError(message, code="amount_too_large", param="amount_to_capture", payment_intent=intent)


def expire_authorization(account: Account, intent_id: str) -> None:
    """Expire the authorisation: the PaymentIntent is cancelled, and there is no Refund."""
    intent = account.get("payment_intent", intent_id)
    if intent is None or intent["status"] != "requires_capture":
        return
    emit(account, "charge.expired", account.the("charge", intent["latest_charge"]))
    cancel_intent(account, intent, "expired")

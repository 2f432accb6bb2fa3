"""Find the PaymentIntent that a call names; a browser must know its client secret."""

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.errors import ApiError, missing
from sandbox.store import JsonObject


def find(account: Account, call: Call) -> JsonObject:
    intent = account.get("payment_intent", call.id)
    if intent is None:
        raise missing("payment_intent", call.id, "intent", status=404)
    if call.client_secret is not None and call.client_secret != intent["client_secret"]:
        message = (
            "The client_secret provided does not match any associated PaymentIntent on this account. "
            "Ensure the publishable key used belongs to the same account that created the PaymentIntent."
        )
        raise ApiError(message, code="payment_intent_invalid_parameter", param="client_secret")
    return intent

"""The two results of a 3DS challenge, and of a redirect to a bank: passed or failed."""

from sandbox.account import Account
from sandbox.cards import Decline
from sandbox.charges import failure, method_details, new_charge
from sandbox.errors import UnexpectedStateError
from sandbox.events import emit
from sandbox.payment_intents.attempt import pay, three_d_secure
from sandbox.payment_intents.outcomes import error_of, failed, paid
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again."
)
_CODE = "payment_intent_authentication_failure"
_ACTIONS = frozenset({"redirect_to_url", "use_stripe_sdk"})


def pass_challenge(account: Account, intent: JsonObject) -> JsonObject:
    """Continue with the payment; with manual confirmation the server confirms once more."""
    _check(intent)
    method = account.the("payment_method", intent["payment_method"])
    if method["type"] != "card":
        return paid(account, intent, method, method_details(method, method_of(account, method["id"]), None, None))
    if intent["confirmation_method"] == "manual":
        account.note(intent["id"], authenticated=method["id"])
        return account.change(intent, status="requires_confirmation", next_action=None)
    return pay(account, intent, method, three_d_secure("authenticated", "challenge"))


def fail_challenge(account: Account, intent: JsonObject, leaves_charge: bool | None = None) -> JsonObject:
    """Fail the challenge, with or without a failed Charge: Stripe does both."""
    _check(intent)
    method = account.the("payment_method", intent["payment_method"])
    error = error_of(_CODE, FAILED, method)
    if leaves_charge is None:
        leaves_charge = account.config.unconfirmed.failed_authentication_leaves_charge
    if leaves_charge:
        charge = _failed_charge(account, intent, method)
        error["charge"] = charge["id"]
        intent = {**intent, "latest_charge": charge["id"]}
    return failed(account, intent, error)


def _failed_charge(account: Account, intent: JsonObject, method: JsonObject) -> JsonObject:
    authentication = three_d_secure("failed", "challenge") if method["type"] == "card" else None
    details = method_details(method, method_of(account, method["id"]), authentication, None)
    decline = Decline("card_declined", FAILED, "authentication_required")
    charge = account.add(new_charge(account, intent, method, payment_method_details=details, **failure(decline)))
    emit(account, "charge.failed", charge)
    return charge


def _check(intent: JsonObject) -> None:
    if intent["status"] != "requires_action" or intent["next_action"]["type"] not in _ACTIONS:
        message = f"This PaymentIntent has no challenge: it has a status of {intent['status']}."
        raise UnexpectedStateError(message, intent)

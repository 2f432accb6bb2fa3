"""Confirm a PaymentIntent: check that it can be, and make the attempt."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.config import OPEN_STATUSES
from sandbox.confirmation_tokens import use_confirmation_token, with_confirmation_token
from sandbox.errors import ApiError, UnexpectedStateError, missing
from sandbox.methods.rules import check_method
from sandbox.payment_intents.attempt import attempt
from sandbox.payment_intents.cancel import cancel_intent, check_not_of_session
from sandbox.payment_intents.find import find
from sandbox.payment_intents.params import listed
from sandbox.payment_intents.shape import with_options
from sandbox.payment_methods import check_usable, from_data, resolve
from sandbox.store import JsonObject

CONFIRM_ONLY = (
    *("confirmation_token", "error_on_requires_action", "mandate_data", "off_session"),
    *("return_url", "use_stripe_sdk"),
)
_TAKEN_OVER = ("capture_method", "receipt_email", "setup_future_usage", "shipping")

_NEEDS_RETURN_URL = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
    "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
    "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` "
    "to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)
_NEEDS_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
    "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
    "payment method or ConfirmationToken."
)
_SHIPPING_FIXED = (
    "The shipping information on this PaymentIntent was last set with a secret key and therefore cannot be changed "
    "with a publishable key. Please use your secret key instead."
)
_MANUAL = "This PaymentIntent cannot be confirmed with a publishable key because its confirmation_method is manual."


def confirm(account: Account, call: Call) -> JsonObject:
    intent = find(account, call)
    check_not_of_session(account, intent, "confirm")
    check_status(account, intent)
    call = with_confirmation_token(account, call)
    method = _method(account, intent, call.params)
    check_confirmable(account, intent, call, method)
    return confirm_intent(account, intent, call, method)


def check_status(account: Account, intent: JsonObject) -> None:
    if intent["status"] in OPEN_STATUSES:
        return
    message = (
        f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. Only a "
        f"PaymentIntent with one of the following statuses may be confirmed: {listed(OPEN_STATUSES)}."
    )
    if intent["status"] == "succeeded":
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    raise UnexpectedStateError(message, intent, account.config.unconfirmed.unexpected_state_param)


def _method(account: Account, intent: JsonObject, given: Mapping[str, Any]) -> JsonObject | None:
    if "payment_method" in given:
        return resolve(account, given["payment_method"])
    if given.get("payment_method_data") is not None:
        return from_data(account, given["payment_method_data"])
    if intent["payment_method"] is None:
        return None
    found = account.get("payment_method", intent["payment_method"])
    if found is None:
        raise missing("PaymentMethod", intent["payment_method"], "payment_method")
    return found


def check_confirmable(account: Account, intent: JsonObject, call: Call, method: JsonObject | None) -> None:
    """Check all that a confirm needs, before anything changes."""
    if call.is_publishable and "amount_to_confirm" in call:
        raise ApiError("`amount_to_confirm` needs a secret key.", param="amount_to_confirm")
    if call.is_publishable and intent["confirmation_method"] == "manual":
        raise ApiError(_MANUAL, code="payment_intent_invalid_parameter")
    if method is None:
        raise UnexpectedStateError(_NEEDS_METHOD, intent, account.config.unconfirmed.unexpected_state_param)
    if method["type"] not in intent["payment_method_types"]:
        message = f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent."
        code = "payment_intent_incompatible_payment_method"
        raise ApiError(message, code=code, payment_intent=intent, param="payment_method")
    check_usable(account, method, intent["customer"])
    taken = {**intent, **_taken(intent, call)}
    check_method(account, taken, method, call.params, is_publishable=call.is_publishable)
    _check_shipping(account, intent, call)
    if _needs_return_url(intent, call):
        raise ApiError(_NEEDS_RETURN_URL, payment_intent=intent, param="return_url")


def _check_shipping(account: Account, intent: JsonObject, call: Call) -> None:
    is_fixed = call.is_publishable and account.notes(intent["id"]).get("is_shipping_fixed")
    if is_fixed and call.params.get("shipping", intent["shipping"]) != intent["shipping"]:
        raise ApiError(_SHIPPING_FIXED, payment_intent=intent, param="shipping")


def note_shipping(account: Account, intent: JsonObject, call: Call) -> None:
    """Note whether the secret key set the shipping details: a publishable key then cannot change them."""
    if "shipping" in call and not call.is_publishable:
        account.note(intent["id"], is_shipping_fixed=call.params["shipping"] is not None)


def _needs_return_url(intent: JsonObject, call: Call) -> bool:
    """Whether a redirect could follow; the browser's script names the one type that it handles instead."""
    automatic = intent["automatic_payment_methods"]
    return (
        automatic is not None
        and automatic["allow_redirects"] == "always"
        and "return_url" not in call
        and not call.params.get("off_session")
        and not call.is_from_stripe_js
    )


def _taken(intent: JsonObject, call: Call) -> JsonObject:
    """Return the fields of the PaymentIntent that a confirm changes."""
    taken = {name: call.params[name] for name in _TAKEN_OVER if name in call}
    taken["payment_method_options"] = with_options(intent, call.params)
    if "amount_to_confirm" in call:
        taken["amount"] = call.params["amount_to_confirm"]
    return taken


def confirm_intent(account: Account, intent: JsonObject, call: Call, method: JsonObject | None) -> JsonObject:
    """Attempt to pay with the method, or cancel where the limit is reached."""
    confirmations = account.notes(intent["id"]).get("confirmations", 0) + 1
    account.note(intent["id"], confirmations=confirmations)
    if confirmations > account.config.unconfirmed.confirmation_limit:
        return cancel_intent(account, intent, "automatic")
    if method is None:
        raise LookupError("check_confirmable lets no confirm without a PaymentMethod through")
    note_shipping(account, intent, call)
    use_confirmation_token(account, intent, call)
    started = {
        **intent,
        **_taken(intent, call),
        "payment_method": method["id"],
        "last_payment_error": None,
        "next_action": None,
    }
    return attempt(account, started, method, call.params)

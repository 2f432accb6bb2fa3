"""ConfirmationTokens: what the shopper chose in the page, for the server to confirm with, once and within 12 hours."""

from dataclasses import replace
from typing import Any

from sandbox.account import Account
from sandbox.api.operation import Call, Operation
from sandbox.api.params import EXPAND, Schema, boolean, hash_of, required_string, string
from sandbox.errors import ApiError, InvalidParamError, NotImplementedHereError, missing
from sandbox.methods.types import TYPES
from sandbox.payment_intents.params import MANDATE_DATA, SHIPPING, url
from sandbox.payment_methods import DATA, from_data, resolve
from sandbox.store import JsonObject

LIFETIME = 12 * 3600
_NOT_SHOWN = ("id", "object", "created", "livemode", "metadata")
_CARRIED = ("mandate_data", "return_url", "setup_future_usage", "shipping", "use_stripe_sdk")


def create(account: Account, call: Call) -> JsonObject:
    """Make a token as Stripe's script does, or as Stripe's test helper does for a server."""
    if not (call.is_publishable or call.path.startswith("/v1/test_helpers/")):
        raise NotImplementedHereError("making a ConfirmationToken with a secret key other than by the test helper")
    given = call.params
    method, is_new = _method(account, given)
    token: JsonObject = {
        "id": account.ids.new("ctoken"),
        "object": "confirmation_token",
        "created": account.clock.timestamp(),
        "expires_at": account.clock.timestamp() + LIFETIME,
        "livemode": False,
        "mandate_data": _mandate(call, method),
        "metadata": None,
        "payment_intent": None,
        "payment_method_options": None,
        "payment_method_preview": {name: value for name, value in method.items() if name not in _NOT_SHOWN},
        "return_url": given.get("return_url"),
        "setup_future_usage": given.get("setup_future_usage"),
        "setup_intent": None,
        "shipping": given.get("shipping"),
        "use_stripe_sdk": given.get("use_stripe_sdk", True),
    }
    if is_new:  # there is no PaymentMethod yet: it is made when the token is used
        account.store.delete("payment_method", method["id"])
    account.note(token["id"], method=method, is_new=is_new)
    return account.add(token)


def _method(account: Account, given: dict[str, Any]) -> tuple[JsonObject, bool]:
    if given.get("payment_method_data") is not None:
        return from_data(account, given["payment_method_data"]), True
    if "payment_method" not in given:
        message = "One of the following params should be provided for this request: payment_method_data."
        raise InvalidParamError(message, code="parameter_missing")
    method = resolve(account, given["payment_method"])
    return method, method["id"] != given["payment_method"]


def _mandate(call: Call, method: JsonObject) -> JsonObject | None:
    """Return the acceptance of a mandate; Stripe's script takes it from the shopper's browser."""
    given = call.params.get("mandate_data")
    is_debit = TYPES[method["type"]].family == "debit"
    if given is None and not (is_debit and call.is_publishable):
        return None
    acceptance = (given or {"customer_acceptance": {"type": "online"}})["customer_acceptance"]
    online = acceptance.get("online") or {}
    shown = {"ip_address": online.get("ip_address", "127.0.0.1"), "user_agent": online.get("user_agent")}
    return {"customer_acceptance": {"online": shown, "type": acceptance["type"]}}


def retrieve(account: Account, call: Call) -> JsonObject:
    found = account.get("confirmation_token", call.id)
    if found is None:
        raise missing("confirmation_token", call.id, "confirmation_token", status=404)
    return found


def with_confirmation_token(account: Account, call: Call) -> Call:
    """Return the call with what its token carries; what the call says itself goes first."""
    if "confirmation_token" not in call:
        return call
    identifier = call.params["confirmation_token"]
    token = account.get("confirmation_token", identifier)
    if token is None:
        raise missing("confirmation_token", identifier, "confirmation_token")
    _check_unused(account, token)
    carried = {name: token[name] for name in _CARRIED if token[name] is not None}
    if "payment_method" not in call and "payment_method_data" not in call:
        carried["payment_method"] = _made(account, token)["id"]
    return replace(call, params={**carried, **call.params})


def _check_unused(account: Account, token: JsonObject) -> None:
    if token["payment_intent"] is not None:
        message = f"The ConfirmationToken {token['id']} was already used to confirm a PaymentIntent. Create a new one."
        raise ApiError(message, param="confirmation_token")
    if token["expires_at"] <= account.clock.timestamp():
        message = f"The ConfirmationToken {token['id']} has expired. Create a new one."
        raise ApiError(message, param="confirmation_token")


def _made(account: Account, token: JsonObject) -> JsonObject:
    notes = account.notes(token["id"])
    method: JsonObject = notes["method"]
    if not notes["is_new"]:
        return method
    return account.get("payment_method", method["id"]) or account.add({**method, "created": account.clock.timestamp()})


def use_confirmation_token(account: Account, intent: JsonObject, call: Call) -> None:
    """Mark the token of a confirm as used."""
    if "confirmation_token" in call:
        token = account.the("confirmation_token", call.params["confirmation_token"])
        account.change(token, payment_intent=intent["id"])


TEST_HELPER: Schema = {
    **EXPAND,
    "payment_method": required_string,
    "payment_method_data": hash_of(DATA, required=("type",)),
    "return_url": url,
    "setup_future_usage": string,
    "shipping": hash_of(SHIPPING),
}
SCRIPT: Schema = {**TEST_HELPER, "mandate_data": hash_of(MANDATE_DATA), "use_stripe_sdk": boolean}

OPERATIONS = (
    Operation("POST", "/v1/test_helpers/confirmation_tokens", create, TEST_HELPER),
    Operation("POST", "/v1/confirmation_tokens", create, SCRIPT, allows_publishable=True),
    Operation("GET", "/v1/confirmation_tokens/:id", retrieve),
)

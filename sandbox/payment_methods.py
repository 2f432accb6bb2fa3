"""PaymentMethods: made from a test name such as `pm_card_visa`, or from data such as a card's number or an IBAN."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import EXPAND, PAGING, Schema, hash_of, merged, metadata, names, required_string, string
from sandbox.api.stripe_params import STRIPE_PARAMS, missing_param, path_of
from sandbox.cards import BY_NAME, BY_NUMBER, UNKNOWN_CARD, TestMethod
from sandbox.errors import ApiError, NotImplementedHereError, missing
from sandbox.events import emit
from sandbox.methods import card, data
from sandbox.methods.types import TYPES
from sandbox.store import JsonObject

ADDRESS = names(string, "city country line1 line2 postal_code state")
BILLING_DETAILS: Schema = {"address": hash_of(ADDRESS), **names(string, "email name phone tax_id")}


def known_type(name: str, value: Any) -> str:
    """Return a type of payment method that Stripe knows."""
    STRIPE_PARAMS["POST", "/v1/payment_methods"]["type"].check(name, value)
    return str(value)


def usable_type(name: str, value: Any) -> str:
    kind = known_type(name, value)
    if kind not in TYPES:
        raise NotImplementedHereError(f"payment methods of the type {kind} in {name}", param=name)
    return kind


DATA: Schema = {
    "type": usable_type,
    "card": hash_of(card.DATA),
    **data.DATA,
    "billing_details": hash_of(BILLING_DETAILS),
    "metadata": metadata,
    "allow_redisplay": string,
}
CREATE: Schema = {**EXPAND, **DATA}
LIST: Schema = {**PAGING, "customer": required_string, "type": required_string}

_USED = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use "
    "a PaymentMethod multiple times, you must attach it to a Customer first."
)


def resolve(account: Account, identifier: str) -> JsonObject:
    """Return the PaymentMethod of this id; a test name makes a new one, as at Stripe."""
    method = BY_NAME.get(identifier)
    if method is not None:
        fields = card.shown(account, method) if method.type == "card" else data.bank_account(method)
        return _new(account, method, fields, is_verified=True)
    found = account.get("payment_method", identifier)
    if found is None:
        raise missing("PaymentMethod", identifier, "payment_method")
    return found


def from_data(account: Account, given: Mapping[str, Any], inside: str = "payment_method_data") -> JsonObject:
    """Make a PaymentMethod from its data; raise CardError or ApiError where there can be no such card or account."""
    kind = given.get("type", "card")
    if kind == "card":
        if given.get("card") is None:
            raise missing_param(path_of(inside, "card"))
        method, fields = card.from_data(account, given["card"], path_of(inside, "card"))
    else:
        method, fields = data.from_data(kind, given, inside)
    made = _new(account, method, fields)
    billing = {**made["billing_details"], **(given.get("billing_details") or {})}
    return account.change(
        made,
        allow_redisplay=given.get("allow_redisplay") or made["allow_redisplay"],
        billing_details=billing,
        metadata=merged({}, given.get("metadata") or {}),
    )


def method_of(account: Account, payment_method_id: str) -> TestMethod:
    """Return the row of the table of test methods; a type without numbers has a row of its own."""
    notes = account.notes(payment_method_id)
    kind = notes.get("type", "card")
    return BY_NUMBER.get(notes.get("number", "")) or (UNKNOWN_CARD if kind == "card" else data.plain(kind))


def check_usable(account: Account, method: JsonObject, customer: str | None) -> None:
    """Raise ApiError unless this customer, or a payment without one, may use the PaymentMethod."""
    if method["customer"] not in {None, customer}:
        named = f"the Customer you supplied {customer}" if customer else "a payment without a Customer"
        message = (
            f"The PaymentMethod {method['id']} belongs to the Customer {method['customer']} and cannot be used for "
            f"{named}. Please use this PaymentMethod with the Customer that it belongs to."
        )
        raise ApiError(message, param="payment_method")
    check_not_used(account, method)


def check_not_used(account: Account, method: JsonObject) -> None:
    """Raise ApiError for a PaymentMethod that paid unattached, or that was detached: it works once."""
    if method["customer"] is None and account.notes(method["id"]).get("is_used"):
        raise ApiError(_USED, param="payment_method")


def record_use(account: Account, intent: JsonObject, method: JsonObject) -> None:
    """Attach a PaymentMethod that paid where `setup_future_usage` says so; otherwise it cannot pay again."""
    if method["customer"] is not None:
        return
    options = (intent["payment_method_options"] or {}).get(method["type"]) or {}
    usage = options.get("setup_future_usage") or intent["setup_future_usage"]
    if intent["customer"] is None or usage in {None, "none"}:
        account.note(method["id"], is_used=True)
        return
    emit(account, "payment_method.attached", account.change(method, customer=intent["customer"]))


def _new(account: Account, method: TestMethod, fields: JsonObject, *, is_verified: bool = False) -> JsonObject:
    """Add a PaymentMethod; a bank account of a test name needs no micro-deposits."""
    made: JsonObject = {
        "id": account.ids.new("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": dict.fromkeys(ADDRESS),
            **dict.fromkeys(("email", "name", "phone", "tax_id")),
        },
        "created": account.clock.timestamp(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": method.type,
        method.type: fields,
    }
    account.note(made["id"], number=method.number, type=method.type, is_verified=is_verified)
    return account.add(made)


def create(account: Account, call: Call) -> JsonObject:
    return from_data(account, call.params, inside="")


def retrieve(account: Account, call: Call) -> JsonObject:
    found = account.get("payment_method", call.id)
    if found is None:
        raise missing("PaymentMethod", call.id, "payment_method", status=404)
    return found


def list_payment_methods(account: Account, call: Call) -> JsonObject:
    customer, kind = call.params.get("customer"), call.params.get("type")
    found = (
        method
        for method in account.store.newest("payment_method")
        if customer in {None, method["customer"]} and kind in {None, method["type"]}
    )
    return page(call, found)


OPERATIONS = (
    Operation("POST", "/v1/payment_methods", create, CREATE, allows_publishable=True),
    Operation("GET", "/v1/payment_methods", list_payment_methods, LIST),
    Operation("GET", "/v1/payment_methods/:id", retrieve, EXPAND),
)

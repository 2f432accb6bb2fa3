"""PaymentMethods: made from a test name such as `pm_card_visa`, or from card data."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    hash_of,
    integer,
    merged,
    metadata,
    names,
    required_string,
    string,
)
from sandbox.api.stripe_params import STRIPE_PARAMS, missing_param, path_of
from sandbox.cards import BY_NAME, BY_NUMBER, BY_TOKEN, UNKNOWN_CARD, TestMethod, is_card_number
from sandbox.errors import ApiError, CardError, NotImplementedHereError, missing
from sandbox.events import emit
from sandbox.store import JsonObject

SUPPORTED_TYPES = ("card", "us_bank_account")
ADDRESS = names(string, "city country line1 line2 postal_code state")
BILLING_DETAILS: Schema = {"address": hash_of(ADDRESS), **names(string, "email name phone tax_id")}
CARD: Schema = {
    "number": required_string,
    "exp_month": integer,
    "exp_year": integer,
    "cvc": string,
    "token": required_string,
}


def known_type(name: str, value: Any) -> str:
    """Return a type of payment method that Stripe knows."""
    STRIPE_PARAMS["POST", "/v1/payment_methods"]["type"].check(name, value)
    return str(value)


def usable_type(name: str, value: Any) -> str:
    return _implemented(name, known_type(name, value), SUPPORTED_TYPES)


def type_with_data(name: str, value: Any) -> str:
    """Return a type that can be made from data; bank accounts have test names only."""
    return _implemented(name, known_type(name, value), ("card",))


def _implemented(name: str, kind: str, implemented: tuple[str, ...]) -> str:
    if kind not in implemented:
        raise NotImplementedHereError(f"payment methods of the type {kind} in {name}", param=name)
    return kind


DATA: Schema = {
    "type": type_with_data,
    "card": hash_of(CARD),
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
_BRANDS = {"34": "amex", "37": "amex", "4": "visa", "5": "mastercard", "6": "discover", "35": "jcb"}
_MAX_MONTH = 12


def resolve(account: Account, identifier: str) -> JsonObject:
    """Return the PaymentMethod of this id; a test name makes a new one, as at Stripe."""
    method = BY_NAME.get(identifier)
    if method is not None:
        return _new(account, method, exp_month=12, exp_year=2034)
    found = account.get("payment_method", identifier)
    if found is None:
        raise missing("PaymentMethod", identifier, "payment_method")
    return found


def from_data(account: Account, data: Mapping[str, Any], inside: str = "payment_method_data") -> JsonObject:
    """Make a PaymentMethod from card data; raise CardError where the card cannot exist."""
    param, card = path_of(inside, "card"), data.get("card")
    if card is None:
        raise missing_param(param)
    method = _from_token(card["token"], param) if "token" in card else _check_card(account, card, param)
    expiry = {"exp_month": 12, "exp_year": 2034, **card}
    made = _new(account, method, exp_month=expiry["exp_month"], exp_year=_full_year(expiry["exp_year"]))
    billing = {**made["billing_details"], **(data.get("billing_details") or {})}
    return account.change(
        made,
        allow_redisplay=data.get("allow_redisplay") or made["allow_redisplay"],
        billing_details=billing,
        metadata=merged({}, data.get("metadata") or {}),
        card={**made["card"], **_shown(card)} if method is UNKNOWN_CARD else made["card"],
    )


def method_of(account: Account, payment_method_id: str) -> TestMethod:
    return BY_NUMBER.get(account.notes(payment_method_id).get("number", ""), UNKNOWN_CARD)


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
    options = (intent["payment_method_options"] or {}).get("card") or {}
    usage = options.get("setup_future_usage") or intent["setup_future_usage"]
    if intent["customer"] is None or usage in {None, "none"}:
        account.note(method["id"], is_used=True)
        return
    emit(account, "payment_method.attached", account.change(method, customer=intent["customer"]))


def _from_token(token: str, param: str) -> TestMethod:
    method = BY_TOKEN.get(token)
    if method is None:
        raise missing("token", token, f"{param}[token]")
    return method


def _check_card(account: Account, card: Mapping[str, Any], param: str) -> TestMethod:
    for name in ("number", "exp_month", "exp_year"):
        if name not in card:
            raise missing_param(path_of(param, name))
    number = card["number"].replace(" ", "").replace("-", "")
    if not is_card_number(number):
        raise CardError("Your card number is incorrect.", code="incorrect_number", param="number")
    if not 1 <= card["exp_month"] <= _MAX_MONTH:
        message = "Your card's expiration month is invalid."
        raise CardError(message, code="invalid_expiry_month", param="exp_month")
    months = _full_year(card["exp_year"]) * 12 + card["exp_month"]
    if months < account.clock.months():
        raise CardError("Your card's expiration year is invalid.", code="invalid_expiry_year", param="exp_year")
    cvc = card.get("cvc")
    if cvc is not None and not (cvc.isdecimal() and len(cvc) in {3, 4}):
        raise CardError("Your card's security code is invalid.", code="invalid_cvc", param="cvc")
    return BY_NUMBER.get(number, UNKNOWN_CARD)


def _full_year(year: int) -> int:
    return year + 2000 if year < 100 else year  # noqa: PLR2004  a year of two digits


def _shown(card: Mapping[str, Any]) -> JsonObject:
    """Return what may be shown of a card that the table does not know."""
    digits = card["number"].replace(" ", "").replace("-", "")
    brand = _BRANDS.get(digits[:2]) or _BRANDS.get(digits[:1]) or "unknown"
    return {"brand": brand, "display_brand": brand, "last4": digits[-4:]}


def _new(account: Account, method: TestMethod, *, exp_month: int, exp_year: int) -> JsonObject:
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
        method.type: _card(account, method, exp_month, exp_year) if method.type == "card" else _bank(method),
    }
    account.note(made["id"], number=method.number)
    return account.add(made)


def _card(account: Account, method: TestMethod, exp_month: int, exp_year: int) -> JsonObject:
    return {
        "brand": method.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
        "country": method.country,
        "display_brand": method.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": f"sandbox{method.last4}" if method.number else account.ids.token("fingerprint", 16),
        "funding": method.funding,
        "generated_from": None,
        "last4": method.last4,
        "networks": {"available": [method.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank(method: TestMethod) -> JsonObject:
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": f"sandbox{method.last4}",
        "last4": method.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
    }


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

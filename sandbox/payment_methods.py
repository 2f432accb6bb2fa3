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
    ignored,
    integer,
    merged,
    metadata,
    names,
    one_of,
    required_string,
    string,
    unsupported,
)
from sandbox.cards import BY_NAME, BY_NUMBER, UNKNOWN_CARD, TestMethod, is_card_number
from sandbox.errors import ApiError, CardError, missing
from sandbox.store import JsonObject

ADDRESS = names(string, "city country line1 line2 postal_code state")
BILLING_DETAILS: Schema = {"address": hash_of(ADDRESS), **names(string, "email name phone tax_id")}
CARD: Schema = {
    "number": required_string,
    "exp_month": integer,
    "exp_year": integer,
    "cvc": string,
    **names(unsupported, "token networks"),
}
DATA: Schema = {
    "type": one_of("card", "us_bank_account"),
    "card": hash_of(CARD, required=("number", "exp_month", "exp_year")),
    "billing_details": hash_of(BILLING_DETAILS),
    "metadata": metadata,
    "allow_redisplay": one_of("always", "limited", "unspecified"),
    **names(ignored, "guid muid sid payment_user_agent time_on_page referrer client_attribution_metadata"),
    **names(unsupported, "us_bank_account radar_options"),
}
CREATE: Schema = {**EXPAND, **DATA}
LIST: Schema = {**PAGING, "customer": required_string, "type": required_string}

_BRANDS = {"34": "amex", "37": "amex", "4": "visa", "5": "mastercard", "6": "discover", "35": "jcb"}
_MAX_MONTH = 12


def resolve(account: Account, identifier: str, customer: str | None = None) -> JsonObject:
    """Return the PaymentMethod of this id; a test name makes a new one, as at Stripe."""
    method = BY_NAME.get(identifier)
    if method is not None:
        return _new(account, method, exp_month=12, exp_year=2034, customer=customer)
    found = account.get("payment_method", identifier)
    if found is None:
        raise missing("PaymentMethod", identifier, "payment_method")
    return found


def from_data(account: Account, data: Mapping[str, Any], param: str = "payment_method_data") -> JsonObject:
    """Make a PaymentMethod from card data; raise CardError where the card cannot exist."""
    card = data.get("card")
    if data.get("type") != "card" or card is None:
        raise ApiError(f"Missing required param: {param}[card].", code="parameter_missing", param=f"{param}[card]")
    method = _check_card(account, card)
    made = _new(account, method, exp_month=card["exp_month"], exp_year=_full_year(card["exp_year"]))
    billing = {**made["billing_details"], **(data.get("billing_details") or {})}
    return account.change(
        made,
        billing_details=billing,
        metadata=merged({}, data.get("metadata") or {}),
        card={**made["card"], **_shown(card)} if method is UNKNOWN_CARD else made["card"],
    )


def method_of(account: Account, payment_method_id: str) -> TestMethod:
    return BY_NUMBER.get(account.notes(payment_method_id).get("number", ""), UNKNOWN_CARD)


def _check_card(account: Account, card: Mapping[str, Any]) -> TestMethod:
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


def _new(
    account: Account, method: TestMethod, *, exp_month: int, exp_year: int, customer: str | None = None
) -> JsonObject:
    made: JsonObject = {
        "id": account.ids.new("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": dict.fromkeys(ADDRESS),
            **dict.fromkeys(("email", "name", "phone", "tax_id")),
        },
        "created": account.clock.timestamp(),
        "customer": customer,
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
    return from_data(account, call.params, param="payment_method")


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
    Operation("POST", "/v1/payment_methods", create, CREATE, required=("type",), allows_publishable=True),
    Operation("GET", "/v1/payment_methods", list_payment_methods, LIST),
    Operation("GET", "/v1/payment_methods/:id", retrieve, EXPAND),
)

"""Cards: the check of their data, and how a PaymentMethod shows them."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.params import Schema, integer, required_string, string
from sandbox.api.stripe_params import missing_param, path_of
from sandbox.cards import BY_NUMBER, BY_TOKEN, UNKNOWN_CARD, TestMethod, is_card_number
from sandbox.errors import CardError, missing
from sandbox.store import JsonObject

DATA: Schema = {
    "number": required_string,
    "exp_month": integer,
    "exp_year": integer,
    "cvc": string,
    "token": required_string,
}
_BRANDS = {"34": "amex", "37": "amex", "4": "visa", "5": "mastercard", "6": "discover", "35": "jcb"}
_MAX_MONTH = 12
_LATER = {"exp_month": 12, "exp_year": 2034}


def from_data(account: Account, card: Mapping[str, Any], param: str) -> tuple[TestMethod, JsonObject]:
    """Return the test card and its fields; raise CardError where the card cannot exist."""
    method = _from_token(card["token"], param) if "token" in card else _check(account, card, param)
    expiry = {**_LATER, **card}
    fields = shown(account, method, exp_month=expiry["exp_month"], exp_year=_full_year(expiry["exp_year"]))
    return method, {**fields, **_seen(card)} if method is UNKNOWN_CARD else fields


def shown(account: Account, method: TestMethod, *, exp_month: int = 12, exp_year: int = 2034) -> JsonObject:
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


def in_wallet(card: JsonObject, wallet: str) -> JsonObject:
    """Return the card as `apple_pay`, `google_pay` or `link` gives it."""
    return {**card, "wallet": {"dynamic_last4": None, wallet: {}, "type": wallet}}


def _from_token(token: str, param: str) -> TestMethod:
    method = BY_TOKEN.get(token)
    if method is None:
        raise missing("token", token, f"{param}[token]")
    return method


def _check(account: Account, card: Mapping[str, Any], param: str) -> TestMethod:
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


def _seen(card: Mapping[str, Any]) -> JsonObject:
    """Return what may be shown of a card that the table does not know."""
    digits = card["number"].replace(" ", "").replace("-", "")
    brand = _BRANDS.get(digits[:2]) or _BRANDS.get(digits[:1]) or "unknown"
    return {"brand": brand, "display_brand": brand, "last4": digits[-4:]}

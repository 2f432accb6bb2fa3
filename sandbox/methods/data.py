"""PaymentMethods of other types than cards, made from data: what each takes, and what it shows."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.api.params import Schema, hash_of, one_of, required_string, string
from sandbox.api.stripe_params import missing_param, path_of
from sandbox.cards import BY_NUMBER, TestMethod
from sandbox.errors import ApiError, NotImplementedHereError
from sandbox.methods.iban import is_iban
from sandbox.methods.types import TYPES
from sandbox.store import JsonObject

ROUTING_NUMBER = "110000000"
_CPF, _CNPJ = 11, 14
_BICS = {"abn_amro": "ABNANL2A", "ing": "INGBNL2A", "rabobank": "RABONL2U"}

DATA: Schema = {
    "boleto": hash_of({"tax_id": required_string}),
    "customer_balance": hash_of({}),
    "ideal": hash_of({"bank": required_string}),
    "klarna": hash_of({}),
    "multibanco": hash_of({}),
    "sepa_debit": hash_of({"iban": required_string}),
    "us_bank_account": hash_of(
        {
            "account_holder_type": one_of("company", "individual"),
            "account_number": required_string,
            "account_type": one_of("checking", "savings"),
            "routing_number": string,
        }
    ),
}

Made = tuple[TestMethod, JsonObject]


def from_data(kind: str, data: Mapping[str, Any], inside: str) -> Made:
    """Return the test account, and the fields that the PaymentMethod shows; raise ApiError for impossible data."""
    given, param = data.get(kind) or {}, path_of(inside, kind)
    make = _MAKERS.get(kind)
    return (plain(kind), {}) if make is None else make(given, param)


def plain(kind: str) -> TestMethod:
    """Return a method without a number of its own: its outcome is the shopper's choice."""
    return TestMethod("", type=kind, is_slow=TYPES[kind].is_slow)


def _ideal(given: Mapping[str, Any], param: str) -> Made:
    bank = given.get("bank")
    if bank is not None and bank not in _BICS:
        path = path_of(param, "bank")
        raise NotImplementedHereError(f"the bank {bank} in {path}", param=path)
    return plain("ideal"), {"bank": bank, "bic": _BICS.get(bank or "")}


def _klarna(_: Mapping[str, Any], __: str) -> Made:
    return plain("klarna"), {"dob": None}


def _boleto(given: Mapping[str, Any], param: str) -> Made:
    path = path_of(param, "tax_id")
    if "tax_id" not in given:
        raise missing_param(path)
    if not is_tax_id(given["tax_id"]):
        raise ApiError("Invalid value for tax_id.", code="tax_id_invalid", param=path)
    return plain("boleto"), {"tax_id": given["tax_id"]}


def is_tax_id(text: str) -> bool:
    """Whether this is a CPF or a CNPJ, by its check digits; those of Stripe's test numbers, all 0, are right."""
    digits = [int(character) for character in text if character.isdecimal()]
    if text.strip("0123456789.-/") or len(digits) not in {_CPF, _CNPJ}:
        return False
    heaviest = len(digits) + 1 if len(digits) == _CPF else 9
    return all(_check_digit(digits[:place], heaviest) == digits[place] for place in (-2, -1))


def _check_digit(digits: list[int], heaviest: int) -> int:
    """Return the digit that follows these; the weights rise from 2 on the right, and begin again after the heaviest."""
    weighted = (digit * (2 + place % (heaviest - 1)) for place, digit in enumerate(reversed(digits)))
    return sum(weighted) * 10 % 11 % 10


def _sepa_debit(given: Mapping[str, Any], param: str) -> Made:
    path = path_of(param, "iban")
    if "iban" not in given:
        raise missing_param(path)
    iban = given["iban"].replace(" ", "").upper()
    if not is_iban(iban):
        raise ApiError("The IBAN you provided is invalid.", code="invalid_bank_account_iban", param=path)
    method = BY_NUMBER.get(iban)
    if method is None:
        raise NotImplementedHereError("an IBAN that is not one of the test IBANs", param=path)
    bank_code = iban[4:9] if iban.startswith("AT") else iban[4:12]
    return method, {
        "bank_code": bank_code,
        "branch_code": "",
        "country": iban[:2],
        "fingerprint": f"sandbox{method.last4}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": method.last4,
    }


def _us_bank_account(given: Mapping[str, Any], param: str) -> Made:
    for name in ("account_holder_type", "account_number", "routing_number"):
        if name not in given:
            raise missing_param(path_of(param, name))
    method = BY_NUMBER.get(given["account_number"])
    if method is None or method.type != "us_bank_account" or given["routing_number"] != ROUTING_NUMBER:
        message = "a bank account that is not one of the test accounts"
        raise NotImplementedHereError(message, param=path_of(param, "account_number"))
    account_type = given.get("account_type", "checking")
    return method, bank_account(method, given["account_holder_type"], account_type)


def bank_account(method: TestMethod, holder: str = "individual", account_type: str = "checking") -> JsonObject:
    return {
        "account_holder_type": holder,
        "account_type": account_type,
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": f"sandbox{method.last4}",
        "last4": method.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": ROUTING_NUMBER,
        "status_details": {},
    }


_MAKERS: Mapping[str, Callable[[Mapping[str, Any], str], Made]] = {
    "boleto": _boleto,
    "ideal": _ideal,
    "klarna": _klarna,
    "sepa_debit": _sepa_debit,
    "us_bank_account": _us_bank_account,
}

"""`payment_method_options` of a PaymentIntent: what each type takes, and what it has when nothing was asked for."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.api.params import Kind, Schema, hash_of, one_of, required_string
from sandbox.api.params import integer as whole_number
from sandbox.errors import InvalidParamError, NotImplementedHereError
from sandbox.methods.iban import COUNTRIES
from sandbox.store import JsonObject

MAX_BOLETO_DAYS = 60
_TRANSFERS = ("eu_bank_transfer", "gb_bank_transfer", "us_bank_transfer")


def _boleto_days(name: str, value: Any) -> int:
    days = whole_number(name, value)
    if not 0 <= days <= MAX_BOLETO_DAYS:
        raise InvalidParamError(f"{name} must be between 0 and {MAX_BOLETO_DAYS}.", param=name)
    return days


def _transfer(name: str, value: Any) -> str:
    kind = required_string(name, value)
    if kind not in _TRANSFERS:
        raise NotImplementedHereError(f"the value {kind} of {name}", param=name)
    return kind


def _verification(name: str, value: Any) -> str:
    way = one_of("automatic", "instant", "microdeposits")(name, value)
    if way == "instant":
        raise NotImplementedHereError("connecting a bank account", param=name)
    return str(way)


_SAVED: Kind = one_of("none", "off_session", "on_session", unset=True)
_NOT_SAVED: Kind = one_of("none")
_COUNTRY: Schema = {"country": one_of(*COUNTRIES)}
_BANK_TRANSFER: Schema = {"eu_bank_transfer": hash_of(_COUNTRY, required=("country",)), "type": _transfer}

METHOD_OPTIONS: Schema = {
    "boleto": hash_of({"expires_after_days": _boleto_days, "setup_future_usage": _SAVED}),
    "customer_balance": hash_of(
        {
            "bank_transfer": hash_of(_BANK_TRANSFER, required=("type",)),
            "funding_type": one_of("bank_transfer"),
            "setup_future_usage": _NOT_SAVED,
        }
    ),
    "ideal": hash_of({"setup_future_usage": one_of("none", "off_session", unset=True)}),
    "klarna": hash_of({"preferred_locale": required_string, "setup_future_usage": _SAVED}),
    "multibanco": hash_of({"setup_future_usage": _NOT_SAVED}),
    "sepa_debit": hash_of({"setup_future_usage": _SAVED}),
    "us_bank_account": hash_of({"setup_future_usage": _SAVED, "verification_method": _verification}),
}

DEFAULTS: Mapping[str, JsonObject] = {
    "boleto": {"expires_after_days": 3},
    "card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "customer_balance": {"bank_transfer": None, "funding_type": None},
    "ideal": {},
    "klarna": {"preferred_locale": None},
    "multibanco": {},
    "sepa_debit": {},
    "us_bank_account": {"verification_method": "automatic"},
}


def merged_options(old: JsonObject, given: Mapping[str, Any], types: Iterable[str]) -> JsonObject:
    """Return the options of each type that is named or was given some; an unset option disappears."""
    kinds = dict.fromkeys([*types, *old, *given])
    return {kind: _merged(kind, old.get(kind) or {}, given.get(kind) or {}) for kind in kinds}


def _merged(kind: str, old: JsonObject, given: JsonObject) -> JsonObject:
    options = {**DEFAULTS[kind], **old, **given}
    return {name: value for name, value in options.items() if value is not None or name in DEFAULTS[kind]}

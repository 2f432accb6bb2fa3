"""The types of payment methods that the sandbox knows, and which PaymentIntents each of them fits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class MethodType:
    family: Literal["card", "redirect", "debit", "voucher", "transfer"]
    currencies: frozenset[str] = frozenset()
    """Empty where any currency does."""
    can_be_held: bool = False
    """Whether `capture_method: manual` is possible at Stripe."""

    @property
    def is_slow(self) -> bool:
        """Whether the outcome comes days after the shopper did what there is to do."""
        return self.family in {"debit", "voucher", "transfer"}


TYPES: Mapping[str, MethodType] = {
    "card": MethodType("card", can_be_held=True),
    "us_bank_account": MethodType("debit", frozenset({"usd"})),
    "ideal": MethodType("redirect", frozenset({"eur"})),
    "klarna": MethodType("redirect", frozenset({"eur", "usd"}), can_be_held=True),
    "sepa_debit": MethodType("debit", frozenset({"eur"})),
    "boleto": MethodType("voucher", frozenset({"brl"})),
    "multibanco": MethodType("voucher", frozenset({"eur"})),
    "customer_balance": MethodType("transfer", frozenset({"eur", "usd", "gbp"})),
}


def usable_types(given: Mapping[str, Any]) -> list[str]:
    """Return the types that fit a PaymentIntent's currency, customer and capture method."""
    return [name for name, kind in TYPES.items() if _fits(name, kind, given)]


def _fits(name: str, kind: MethodType, given: Mapping[str, Any]) -> bool:
    if kind.currencies and given["currency"] not in kind.currencies:
        return False
    if name == "customer_balance" and given.get("customer") is None:
        return False
    return kind.can_be_held or given.get("capture_method") != "manual"


def without_redirects(types: Iterable[str]) -> list[str]:
    return [name for name in types if TYPES[name].family != "redirect"]

"""Bank transfers: the customer pushes money to an account of their own at Stripe, and it pays what is owed."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.operation import Call, Operation
from sandbox.api.params import EXPAND, PAGING, Schema, amount, required_string
from sandbox.charges import method_details
from sandbox.currencies import read_currency
from sandbox.errors import NotImplementedHereError
from sandbox.events import emit
from sandbox.methods.bank_addresses import addresses
from sandbox.methods.cash_balance import available, find_customer, list_entries, move, retrieve, shape
from sandbox.methods.pages import new_page
from sandbox.payment_intents.outcomes import paid, require_action
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

_ACTION = "display_bank_transfer_instructions"
_NETWORKS: Mapping[str, JsonObject] = {
    "eur": {
        "type": "eu_bank_transfer",
        "eu_bank_transfer": {"bic": "SOGEDEFFXXX", "iban_last4": "3000", "sender_name": "Sandbox"},
    },
    "gbp": {
        "type": "gb_bank_transfer",
        "gb_bank_transfer": {"account_number_last4": "6789", "sender_name": "Sandbox", "sort_code": "108800"},
    },
    "usd": {"type": "us_bank_transfer", "us_bank_transfer": {"network": "ach", "sender_name": "Sandbox"}},
}


def start(account: Account, intent: JsonObject, _: JsonObject, __: Mapping[str, Any]) -> JsonObject:
    """Pay from the customer's balance, and ask for what it lacks."""
    if available(account, intent["customer"], intent["currency"]) >= remaining(account, intent):
        return apply(account, intent)
    details = {
        "amount_remaining": remaining(account, intent),
        "currency": intent["currency"],
        "financial_addresses": addresses(intent),
        "hosted_instructions_url": new_page(account, intent, "customer_balance"),
        "reference": account.ids.token("reference", 12).upper(),
        "type": intent["payment_method_options"]["customer_balance"]["bank_transfer"]["type"],
    }
    waiting = require_action(account, intent, {"type": _ACTION, _ACTION: details})
    return apply(account, waiting)


def remaining(account: Account, intent: JsonObject) -> int:
    return int(intent["amount"]) - funded(account, intent)


def funded(account: Account, intent: JsonObject) -> int:
    """Return what the balance has paid of the PaymentIntent so far, in minor units."""
    return int(account.notes(intent["id"]).get("funded", 0))


def apply(account: Account, intent: JsonObject) -> JsonObject:
    """Pay of the PaymentIntent what the customer's balance holds."""
    customer, currency = intent["customer"], intent["currency"]
    used = min(available(account, customer, currency), remaining(account, intent))
    if used <= 0:
        return intent
    applied = {"applied_to_payment": {"payment_intent": intent["id"]}}
    move(account, customer, currency, -used, "applied_to_payment", **applied)
    account.note(intent["id"], funded=funded(account, intent) + used)
    left = remaining(account, intent)
    if left == 0:
        method = account.the("payment_method", intent["payment_method"])
        return paid(account, intent, method, method_details(method, method_of(account, method["id"]), None, None))
    instructions = {**intent["next_action"][_ACTION], "amount_remaining": left}
    changed = account.change(intent, next_action={"type": _ACTION, _ACTION: instructions})
    emit(account, "payment_intent.partially_funded", changed)
    return changed


def give_back(account: Account, intent: JsonObject) -> None:
    """Return to the balance what a PaymentIntent got that is now cancelled."""
    amount_back = funded(account, intent)
    if amount_back and intent["status"] != "succeeded":
        account.note(intent["id"], funded=0)
        details = {"unapplied_from_payment": {"payment_intent": intent["id"]}}
        move(account, intent["customer"], intent["currency"], amount_back, "unapplied_from_payment", **details)


def fund_cash_balance(account: Account, call: Call) -> JsonObject:
    """Simulate a bank transfer, as Stripe's own test helper does."""
    customer, currency = find_customer(account, call)["id"], call.params["currency"]
    if currency not in _NETWORKS:
        raise NotImplementedHereError(f"bank transfers in {currency}", param="currency")
    return fund(account, customer, currency, call.params["amount"], call.params.get("reference"))


def fund(account: Account, customer: str, currency: str, received: int, reference: str | None) -> JsonObject:
    """Add the money to the balance and pay what waits: what the reference names, then what has this amount, by age."""
    transfer = {"bank_transfer": {**_NETWORKS[currency], "reference": reference}}
    entry = move(account, customer, currency, received, "funded", funded=transfer)
    for intent in _waiting(account, customer, currency, received, reference):
        apply(account, intent)
    if available(account, customer, currency):
        emit(account, "cash_balance.funds_available", shape(account, customer))
    return entry


def is_waiting(intent: JsonObject) -> bool:
    action = intent["next_action"] or {"type": None}
    return bool(intent["status"] == "requires_action" and action["type"] == _ACTION)


def _waiting(account: Account, customer: str, currency: str, received: int, reference: str | None) -> list[JsonObject]:
    def rank(intent: JsonObject) -> tuple[bool, bool]:
        instructions = intent["next_action"][_ACTION]
        return instructions["reference"] != reference, instructions["amount_remaining"] != received

    wanted = (customer, currency)
    intents = account.store.oldest("payment_intent")
    return sorted(
        (intent for intent in intents if is_waiting(intent) and (intent["customer"], intent["currency"]) == wanted),
        key=rank,
    )


FUND: Schema = {**EXPAND, "amount": amount, "currency": read_currency, "reference": required_string}

OPERATIONS = (
    Operation("POST", "/v1/test_helpers/customers/:id/fund_cash_balance", fund_cash_balance, FUND),
    Operation("GET", "/v1/customers/:id/cash_balance", retrieve),
    Operation("GET", "/v1/customers/:id/cash_balance_transactions", list_entries, PAGING),
)

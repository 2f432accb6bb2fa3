"""A customer's cash balance: what bank transfers brought, and which PaymentIntents it paid."""

from typing import Any

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call
from sandbox.errors import missing
from sandbox.events import emit
from sandbox.store import JsonObject


def available(account: Account, customer: str, currency: str) -> int:
    """Return the amount in minor units."""
    return int((account.notes(customer).get("cash") or {}).get(currency, 0))


def move(account: Account, customer: str, currency: str, amount: int, kind: str, **details: Any) -> JsonObject:
    """Add an amount to the balance, negative for one that leaves it, and record it."""
    ending = available(account, customer, currency) + amount
    account.note(customer, cash={**(account.notes(customer).get("cash") or {}), currency: ending})
    entry = account.add(
        {
            "id": account.ids.new("ccsbtxn"),
            "object": "customer_cash_balance_transaction",
            "created": account.clock.timestamp(),
            "currency": currency,
            "customer": customer,
            "customer_account": None,
            "ending_balance": ending,
            "livemode": False,
            "net_amount": amount,
            "type": kind,
            **details,
        }
    )
    emit(account, "customer_cash_balance_transaction.created", entry)
    return entry


def shape(account: Account, customer: str) -> JsonObject:
    amounts = {currency: amount for currency, amount in (account.notes(customer).get("cash") or {}).items() if amount}
    return {
        "object": "cash_balance",
        "available": amounts or None,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


def find_customer(account: Account, call: Call) -> JsonObject:
    customer = account.get("customer", call.id)
    if customer is None:
        raise missing("customer", call.id, "id", status=404)
    return customer


def retrieve(account: Account, call: Call) -> JsonObject:
    return shape(account, find_customer(account, call)["id"])


def list_entries(account: Account, call: Call) -> JsonObject:
    customer = find_customer(account, call)["id"]
    entries = account.store.newest("customer_cash_balance_transaction")
    return page(call, (entry for entry in entries if entry["customer"] == customer))

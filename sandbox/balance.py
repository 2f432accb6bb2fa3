"""Balance transactions: what a charge, a refund or a dispute moved."""

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import PAGING, Schema, created, names, required_string
from sandbox.errors import missing
from sandbox.store import JsonObject

_CATEGORIES = {
    "charge": "charge",
    "payment": "charge",
    "payment_refund": "refund",
    "refund": "refund",
    "refund_failure": "refund_failure",
}


def add_balance_transaction(account: Account, kind: str, amount: int, source: JsonObject) -> JsonObject:
    """Record a movement, negative for money that leaves; there are no fees."""
    now = account.clock.timestamp()
    return account.add(
        {
            "id": account.ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now,
            "balance_type": "payments",
            "created": now,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": 0,
            "fee_details": [],
            "net": amount,
            "reporting_category": _CATEGORIES.get(kind, "dispute"),
            "source": source["id"],
            "status": "available",
            "type": kind,
        }
    )


def retrieve(account: Account, call: Call) -> JsonObject:
    found = account.get("balance_transaction", call.id)
    if found is None:
        raise missing("balance transaction", call.id, "id", status=404)
    return found


def list_balance_transactions(account: Account, call: Call) -> JsonObject:
    wanted = {name: call.params[name] for name in ("source", "type", "currency") if name in call}
    entries = account.store.newest("balance_transaction")
    return page(call, (entry for entry in entries if all(entry[name] == value for name, value in wanted.items())))


LIST: Schema = {**PAGING, "created": created, **names(required_string, "source type currency")}

OPERATIONS = (
    Operation("GET", "/v1/balance_transactions", list_balance_transactions, LIST),
    Operation("GET", "/v1/balance_transactions/:id", retrieve),
)

"""`expand`: the objects themselves where their ids stand."""

from collections.abc import Iterable, Mapping

from sandbox.account import Account
from sandbox.api.listing import as_list
from sandbox.checkout.sessions import line_items
from sandbox.errors import InvalidParamError
from sandbox.store import JsonObject

MAX_DEPTH = 4

EXPANDABLE: Mapping[str, Mapping[str, str]] = {
    "payment_intent": {"customer": "customer", "latest_charge": "charge", "payment_method": "payment_method"},
    "charge": {
        "balance_transaction": "balance_transaction",
        "customer": "customer",
        "failure_balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
    },
    "refund": {
        "balance_transaction": "balance_transaction",
        "charge": "charge",
        "failure_balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "payment_method": {"customer": "customer"},
    "checkout.session": {"customer": "customer", "payment_intent": "payment_intent"},
    "balance_transaction": {"source": "charge"},
}
"""The fields of each kind that hold the id of another object, and of which kind that is."""


def expanded(account: Account, value: JsonObject, paths: Iterable[str]) -> JsonObject:
    for path in paths:
        fields = path.split(".")
        if len(fields) > MAX_DEPTH:
            raise InvalidParamError(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        value = _expand(account, value, fields, path)
    return value


def _expand(account: Account, value: JsonObject, fields: list[str], path: str) -> JsonObject:
    if not fields:
        return value
    name, *rest = fields
    if value["object"] in {"list", "search_result"} and name == "data":
        return {**value, "data": [_expand(account, entry, rest, path) for entry in value["data"]]}
    part = value.get(name)
    if isinstance(part, dict) and "object" in part:
        return {**value, name: _expand(account, part, rest, path)}
    if value["object"] == "charge" and name == "refunds":
        return {**value, name: _expand(account, _refunds(account, value), rest, path)}
    if value["object"] == "checkout.session" and name == "line_items":
        return {**value, name: line_items(account, value["id"])}
    kind = EXPANDABLE.get(value["object"], {}).get(name)
    if kind is None:
        raise InvalidParamError(f"This property cannot be expanded ({path}).", param="expand")
    found = account.get(kind, part) if isinstance(part, str) else None
    return value if found is None else {**value, name: _expand(account, found, rest, path)}


def _refunds(account: Account, charge: JsonObject) -> JsonObject:
    refunds = account.store.where("refund", "charge", charge["id"])
    return as_list(f"/v1/charges/{charge['id']}/refunds", refunds)

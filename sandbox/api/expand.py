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


_LISTS: Mapping[str, Mapping[str, str]] = {
    "charge": {"refunds": "refund"},
    "checkout.session": {"line_items": "item"},
}
"""The fields that are left out unless they are expanded, and what they list."""


def check_expand(path: str, paths: Iterable[str]) -> None:
    """Refuse what cannot be expanded before any work is done."""
    for wanted in paths:
        fields = wanted.split(".")
        if len(fields) > MAX_DEPTH:
            raise InvalidParamError(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        _check(_kind_at(path), fields, wanted)


def _kind_at(path: str) -> str:
    """Return the kind of object that a path answers with: `/v1/charges` answers with Charges."""
    noun = path.split("/")[2:4]
    return "checkout.session" if noun[0] == "checkout" else noun[0].removesuffix("s")


def _check(kind: str, fields: list[str], wanted: str) -> None:
    for name in fields:
        if name == "data":
            continue
        following = {**EXPANDABLE.get(kind, {}), **_LISTS.get(kind, {})}.get(name)
        if following is None:
            raise InvalidParamError(f"This property cannot be expanded ({wanted}).", param="expand")
        kind = following


def expanded(account: Account, value: JsonObject, paths: Iterable[str]) -> JsonObject:
    for path in paths:
        value = _expand(account, value, path.split("."))
    return value


def _expand(account: Account, value: JsonObject, fields: list[str]) -> JsonObject:
    if not fields:
        return value
    name, *rest = fields
    if name == "data":
        return {**value, "data": [_expand(account, entry, rest) for entry in value.get("data", ())]}
    part = value.get(name)
    if name in _LISTS.get(value["object"], {}):
        part = _list(account, value)
    elif isinstance(part, str):
        part = account.get(EXPANDABLE[value["object"]][name], part)
    return value if part is None else {**value, name: _expand(account, part, rest)}


def _list(account: Account, value: JsonObject) -> JsonObject:
    if value["object"] == "checkout.session":
        return line_items(account, value["id"])
    refunds = account.store.where("refund", "charge", value["id"])
    return as_list(f"/v1/charges/{value['id']}/refunds", refunds)

"""The account that the keys belong to."""

from sandbox.account import Account
from sandbox.api.operation import Call, Operation
from sandbox.store import JsonObject


def retrieve(_: Account, __: Call) -> JsonObject:
    return {
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": {"name": "Sandbox"},
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "details_submitted": True,
        "payouts_enabled": True,
        "type": "standard",
    }


OPERATIONS = (Operation("GET", "/v1/account", retrieve),)

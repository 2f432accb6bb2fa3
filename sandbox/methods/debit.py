"""SEPA and ACH debits: the bank answers days later, and an account whose number was typed in is verified first."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.methods import microdeposits
from sandbox.payment_intents.outcomes import delay
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject


def start(account: Account, intent: JsonObject, method: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Debit the account, or send micro-deposits to it first."""
    mandate = account.ids.new("mandate") if given.get("mandate_data") else None
    account.note(intent["id"], mandate=mandate)
    options = (intent["payment_method_options"] or {}).get("us_bank_account") or {}
    is_asked = options.get("verification_method") == "microdeposits"
    is_verified = account.notes(method["id"]).get("is_verified")
    if method["type"] == "us_bank_account" and (is_asked or not is_verified):
        return microdeposits.send(account, intent)
    return delay(account, intent, method, method_of(account, method["id"]))

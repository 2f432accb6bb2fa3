"""iDEAL and Klarna: the shopper authorises the payment on a page of the bank's or of Klarna's."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.methods.pages import new_page
from sandbox.payment_intents.outcomes import require_action
from sandbox.store import JsonObject


def start(account: Account, intent: JsonObject, method: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Send the shopper to the page; who closes it leaves the PaymentIntent in `requires_action`."""
    url = new_page(account, intent, method["type"])
    account.note(intent["id"], return_url=given.get("return_url"))
    redirect = {"return_url": given.get("return_url"), "url": url}
    return require_action(account, intent, {"type": "redirect_to_url", "redirect_to_url": redirect})

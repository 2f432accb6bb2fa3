"""The addresses of the pages that Stripe, a bank or Klarna would show the shopper."""

from sandbox.account import Account
from sandbox.store import JsonObject


def new_page(account: Account, intent: JsonObject, kind: str) -> str:
    """Return the address of a new page for this attempt; that of an earlier one is over."""
    token = account.ids.token("page")
    account.note(intent["id"], page=token)
    return f"{account.base_url}/_sandbox/pay/{kind}/{intent['id']}/{token}"

"""Find the Checkout Session that a call names, or that a browser's client secret belongs to."""

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.errors import missing
from sandbox.store import JsonObject

NOT_FOUND = 404


def find(account: Account, call: Call) -> JsonObject:
    session = account.get("checkout.session", call.id)
    if session is None:
        raise missing("checkout.session", call.id, "session", status=NOT_FOUND)
    return session


def by_secret(account: Account, client_secret: str) -> JsonObject:
    identifier = client_secret.partition("_secret_")[0]
    session = account.get("checkout.session", identifier)
    if session is None or session["client_secret"] != client_secret:
        raise missing("checkout.session", identifier, "client_secret", status=NOT_FOUND)
    return session

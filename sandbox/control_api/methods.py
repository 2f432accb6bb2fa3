"""What a test does with payment methods in place of the shopper and the bank."""

from sandbox.account import Account
from sandbox.errors import ApiError
from sandbox.methods import card
from sandbox.methods.types import TYPES
from sandbox.payment_methods import resolve
from sandbox.store import JsonObject


def wallet_method(account: Account, name: str, wallet: str) -> JsonObject:
    """Make the PaymentMethod of a test card as a wallet gives it."""
    method = resolve(account, name)
    if method["type"] != "card":
        raise ApiError(f"{name} is no card, so no wallet holds it.")
    return account.change(method, card=card.in_wallet(method["card"], wallet))


def mandate(method: JsonObject) -> JsonObject:
    """Return what a browser sends with a bank account that is debited: the shopper accepts it by paying."""
    if TYPES[method["type"]].family != "debit":
        return {}
    return {"mandate_data": {"customer_acceptance": {"online": {"infer_from_client": True}, "type": "online"}}}

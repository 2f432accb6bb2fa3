"""Without a key no address is hashed, and a search for one says so."""

from tests.cart import Cart
from tests.database import Database


async def test_without_a_key_addresses_are_not_searched(cart: Cart, database: Database) -> None:
    await cart.owe(receipt_email="ada@example.com")
    answer = await cart.api.get("/v1/search", params={"q": "ada@example.com"})
    [row] = await database.payment_intents()
    assert (answer.status_code, answer.json()["code"]) == (409, "email_search_disabled")
    assert row["email_hash"] is None

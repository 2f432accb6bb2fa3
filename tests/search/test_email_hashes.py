"""A payment from before the key is found by its address after one command."""

import httpx
import pytest

from app.resources import Resources
from app.search import email_hashes
from app.settings import Settings
from tests.cart import Cart
from tests.conftest import settings_for
from tests.database import Database


@pytest.fixture
def settings(database_url: str, sandbox_url: str) -> Settings:
    return settings_for(database_url, sandbox_url, email_search_key="k" * 32)


async def _found(api: httpx.AsyncClient, email: str) -> list[str]:
    answer = await api.get("/v1/search", params={"q": email})
    return [each["reference"]["id"] for each in answer.json()["data"]]


async def test_addresses_from_before_the_key_are_found_after_it(
    cart: Cart, api: httpx.AsyncClient, resources: Resources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_hashes, "BATCH", 2)
    for number in range(5):
        await cart.another(f"/v1/carts/c{number}").owe(receipt_email=f"Ada{number}@example.com")
    await cart.another("/v1/carts/none").owe()
    await database.execute("UPDATE payment_intents SET email_hash = NULL WHERE reference_id <> 'c4'")
    await database.execute("UPDATE payment_intents SET applied_terms = '{\"amount\": 1000}' WHERE reference_id = 'c3'")
    assert await _found(api, "ada1@example.com") == []
    assert await email_hashes.hash_all(resources) == 4
    assert [await _found(api, f"ada{number}@example.com") for number in range(5)] == [[f"c{n}"] for n in range(5)]
    assert await email_hashes.hash_all(resources) == 0

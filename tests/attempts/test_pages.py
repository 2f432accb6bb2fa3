"""The list of attempts comes in pages."""

import httpx
import pytest

from sandbox.client import SandboxClient

CART = "/v1/carts/c1/payment-intent"
ATTEMPTS = "/v1/carts/c1/attempts"
TEN_EUROS = {"amount": 1000, "currency": "eur", "cart_version": 7}


@pytest.fixture
async def stripe_id(api: httpx.AsyncClient) -> str:
    created: str = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    return created


async def test_attempts_come_in_pages(api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str) -> None:
    for _ in range(5):
        await sandbox.confirm(stripe_id, "pm_card_visa_chargeDeclined")
    await sandbox.wait_idle()
    whole = (await api.get(ATTEMPTS)).json()["data"]
    seen, cursor = [], None
    for _ in range(3):
        page = (await api.get(ATTEMPTS, params={"limit": 2} | ({"after": cursor} if cursor else {}))).json()
        seen += page["data"]
        cursor = page["next_cursor"]
    assert len(whole) == 5
    assert seen == whole
    assert cursor is None


@pytest.mark.parametrize("cursor", ["x", "eHx5", "€", "MjAyNi0wMS0wMXwx"])
async def test_a_wrong_cursor_is_refused(api: httpx.AsyncClient, stripe_id: str, cursor: str) -> None:
    answer = await api.get(ATTEMPTS, params={"after": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "101", "1e9", "-1"])
async def test_a_page_has_at_most_100_rows(api: httpx.AsyncClient, limit: str) -> None:
    answer = await api.get("/v1/carts/c1/attempts", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.limit"

"""The client secret: only to who may pay, only while it can be paid, never stored."""

import httpx
import pytest
from sqlalchemy import text

from app.resources import Resources
from sandbox.client import SandboxClient

CART = "/v1/carts/c1/payment-intent"
SECRET = f"{CART}/client-secret"
TEN_EUROS = {"amount": 1000, "currency": "eur", "cart_version": 7}


@pytest.fixture
async def stripe_id(api: httpx.AsyncClient) -> str:
    created: str = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    return created


async def test_a_page_reload_costs_no_call_to_stripe(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    put = (await api.put(CART, json=TEN_EUROS)).json()
    await sandbox.clear_requests()
    reloads = [await api.get(SECRET) for _ in range(3)]
    assert {reload.json()["client_secret"] for reload in reloads} == {put["client_secret"]}
    assert await sandbox.requests() == []


@pytest.mark.parametrize("status", ["processing", "requires_capture", "succeeded", "canceled", "closing", "refused"])
async def test_a_secret_that_cannot_be_used_is_not_handed_out(
    api: httpx.AsyncClient, resources: Resources, sandbox: SandboxClient, status: str
) -> None:
    """The row is read each time: though memory holds the secret, it stays there."""
    secret = (await api.put(CART, json=TEN_EUROS)).json()["client_secret"]
    changes = {
        "canceled": "status = 'canceled', closed_at = now(), closed_reason = 'abandoned'",
        "closing": "is_closing = true",
        "refused": "status = NULL, amount = NULL, stripe_id = NULL, closed_at = now(), closed_reason = 'refused'",
    }
    change = changes.get(status, f"status = '{status}'")
    async with resources.sessions.begin() as session:
        await session.execute(text(f"UPDATE payment_intents SET {change}"))  # noqa: S608 - our own words
    answer = await api.get(SECRET)
    assert answer.status_code == 409
    assert answer.json()["code"] == "client_secret_unavailable"
    assert answer.headers["cache-control"] == "no-store"
    assert secret not in answer.text


async def test_the_secret_is_on_two_answers_only(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    put = await api.put(CART, json=TEN_EUROS)
    secret = put.json()["client_secret"]
    fetched = await api.get(SECRET)
    others = [
        await api.get(CART),
        await api.get("/v1/carts/c1/attempts"),
        await api.post("/v1/carts/c1/checkout-token"),
    ]
    assert secret in fetched.text
    assert not any(secret in other.text for other in others)
    assert {answer.headers["cache-control"] for answer in (put, fetched, *others)} == {"no-store"}


async def test_the_client_secret_is_for_those_that_can_be_paid(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str
) -> None:
    open_ = await api.get(SECRET)
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    paid = await api.get(SECRET)
    assert open_.status_code == 200
    assert open_.json()["client_secret"].startswith(f"{stripe_id}_secret_")
    assert open_.headers["cache-control"] == "no-store"
    assert (paid.status_code, paid.json()["code"]) == (409, "client_secret_unavailable")


async def test_the_client_secret_of_an_unknown_cart_is_404(api: httpx.AsyncClient) -> None:
    answer = await api.get(SECRET)
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")


async def test_the_client_secret_waits_until_stripe_holds_the_newest_request(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*", count=3)
    await api.put(CART, json=TEN_EUROS | {"amount": 2000, "cart_version": 8})
    answer = await api.get(SECRET)
    assert (answer.status_code, answer.json()["code"]) == (503, "sync_pending")


async def test_no_client_secret_is_stored(api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources) -> None:
    body = (await api.put(CART, json={"amount": 1000, "currency": "eur"})).json()
    await sandbox.confirm(body["stripe_id"], "pm_card_visa_chargeDeclined")
    await sandbox.confirm(body["stripe_id"])
    await sandbox.wait_idle()
    async with resources.sessions() as session:
        tables = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        dump = [str(list(await session.execute(text(f'SELECT * FROM "{table}"')))) for table in list(tables)]  # noqa: S608 - the database's own names
    assert body["stripe_id"] in "".join(dump)
    assert "_secret_" not in "".join(dump)


async def test_the_client_secret_is_asked_for_again_while_a_late_request_may_land(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources
) -> None:
    stripe_id = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    async with resources.sessions.begin() as session:
        await session.execute(text("UPDATE payment_intents SET check_at = now() + interval '30 seconds'"))
    await sandbox.pause_webhooks()
    await sandbox.confirm(stripe_id)
    answer = await api.get(f"{CART}/client-secret")
    await sandbox.restore_webhooks()
    assert (answer.status_code, answer.json()["code"]) == (503, "sync_pending")

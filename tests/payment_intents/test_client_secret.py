"""The client secret: only to who may pay, only while it can be paid, never stored."""

from datetime import timedelta
from functools import partial

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.database import Database

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
    api: httpx.AsyncClient, database: Database, sandbox: SandboxClient, status: str
) -> None:
    """The row is read each time: though memory holds the secret, it stays there."""
    secret = (await api.put(CART, json=TEN_EUROS)).json()["client_secret"]
    changes = {"canceled": database.close, "closing": database.request_cancel, "refused": database.refuse}
    await changes.get(status, partial(database.set_status, status))()
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


async def test_no_client_secret_is_stored(api: httpx.AsyncClient, sandbox: SandboxClient, database: Database) -> None:
    body = (await api.put(CART, json={"amount": 1000, "currency": "eur"})).json()
    await sandbox.confirm(body["stripe_id"], "pm_card_visa_chargeDeclined")
    await sandbox.confirm(body["stripe_id"])
    await sandbox.wait_idle()
    dump = await database.dump()
    assert body["stripe_id"] in dump
    assert "_secret_" not in dump


async def test_the_client_secret_is_asked_for_again_while_a_late_request_may_land(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    stripe_id = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    await database.recheck_in(timedelta(seconds=30))
    await sandbox.pause_webhooks()
    await sandbox.confirm(stripe_id)
    answer = await api.get(f"{CART}/client-secret")
    await sandbox.restore_webhooks()
    assert (answer.status_code, answer.json()["code"]) == (503, "sync_pending")

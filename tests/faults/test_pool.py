"""Pools of every size: whoever held one connection and asked for another could wait for itself."""

import asyncio

import httpx
import pytest

from app.payment_intents import recovery
from app.reconcile import service as reconcile
from app.refunds import finishing
from app.resources import Resources
from app.settings import Settings
from app.webhooks import retention
from sandbox.client import SandboxClient
from tests.conftest import Jobs, NewKey
from tests.database import Database
from tests.webhooks.sending import ATTEMPTS, CART, put

REFUNDS = "/v1/carts/c1/refunds"
SESSION = "/v1/sessions/s1/payment-intent"


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    return Settings.model_validate(settings.model_dump() | {"database_url": database_url, "database_pool_size": 1})


async def test_one_connection_is_enough_for_everything(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    database: Database,
    resources: Resources,
    jobs: Jobs,
    new_key: NewKey,
) -> None:
    key = await new_key("payments:read", "payments:write", "refunds:write")
    api.headers["Authorization"] = f"Bearer {key}"
    stripe_id = await put(api)
    await sandbox.confirm(stripe_id, "pm_card_visa_chargeDeclined")
    await put(api, amount=2000, cart_version=8)
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    refunded = await api.post(REFUNDS, json={"amount": 500}, headers={"Idempotency-Key": "r1"})
    assert refunded.status_code == 201, refunded.text
    await api.put(SESSION, json={"amount": 1000, "currency": "eur"})
    answers = await asyncio.gather(
        *(api.get(path) for path in (CART, ATTEMPTS, REFUNDS, "/readyz") for _ in range(5)),
        api.post(f"{SESSION}/move", json={"cart_id": "c2"}),
        api.put("/v1/carts/c3/payment-intent", json={"amount": 1000, "currency": "eur"}),
    )
    assert {answer.status_code for answer in answers} == {200, 201}
    cancelled = await api.post("/v1/carts/c3/payment-intent/cancel", json={})
    assert cancelled.status_code == 200, cancelled.text
    await sandbox.wait_idle()
    await recovery.sweep(resources)
    await finishing.sweep(resources)
    await reconcile.reconcile(resources)
    await retention.purge_events(resources)
    await jobs()
    assert (await api.get(CART)).json()["amount_refunded"] == 500

"""A request that was given up arrives at Stripe late all the same: it is overwritten, or flagged."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.payment_intents import recovery
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.conftest import SECRET_KEY
from tests.database import LAST_ACTIVITY, LEASE, RECHECK, UPDATED, Database
from tests.waiting import until, until_held

CART = "/v1/carts/c1/payment-intent"
UPDATE = "/v1/payment_intents/pi_" + "?" * 24  # and none of its commands
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur", "description": "first"}

Land = Callable[..., Awaitable[None]]


@pytest.fixture
def land(sandbox_url: str) -> Land:
    """Return a function that sends Stripe an update whose sender has given it up."""

    async def late(stripe_id: str, revision: int, **fields: str) -> None:
        form = fields | {"metadata[revision]": str(revision)}
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        async with httpx.AsyncClient(base_url=sandbox_url, headers=headers, trust_env=False) as http:
            (await http.post(f"/v1/payment_intents/{stripe_id}", data=form)).raise_for_status()

    return late


async def _give_up(api: httpx.AsyncClient, sandbox: SandboxClient, body: dict[str, Any]) -> None:
    """Send a PUT whose update is on its way to Stripe when its sender gives it up."""
    await sandbox.drop_next(method="POST", path=UPDATE, count=3)
    answer = await api.put(CART, json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")


async def _settle_hours_later(resources: Resources, database: Database) -> None:
    [row] = await database.payment_intents()
    for _ in range(3):
        await database.age(timedelta(hours=2), UPDATED, LEASE, RECHECK, LAST_ACTIVITY)
        await recovery.recover(resources, row["id"])


async def test_all_terms_are_sent_again_while_an_older_request_may_arrive(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, land: Land
) -> None:
    stripe_id = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    await _give_up(api, sandbox, TEN_EUROS | {"description": "second"})
    await sandbox.hold(UPDATE, method="GET", after_work=True)
    third = asyncio.create_task(api.put(CART, json=TEN_EUROS | {"amount": 2000}))
    await until_held(sandbox)
    await land(stripe_id, 2, description="second")  # after the third looked, before it writes
    await sandbox.release()

    assert (await third).status_code == 200
    await _settle_hours_later(resources, database)
    [intent] = await sandbox.objects("payment_intents")
    assert (intent["amount"], intent["description"]) == (2000, "first")


async def test_an_older_amount_that_arrives_late_and_is_captured_is_flagged_as_a_mismatch(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, land: Land
) -> None:
    held = TEN_EUROS | {"capture_method": "manual"}
    stripe_id = (await api.put(CART, json=held)).json()["stripe_id"]
    await _give_up(api, sandbox, held | {"amount": 2000})
    assert (await api.put(CART, json=held | {"amount": 3000})).status_code == 200
    await land(stripe_id, 2, amount="2000")
    await sandbox.confirm(stripe_id)  # of an amount that nobody owes any more
    await sandbox.wait_idle()
    await _settle_hours_later(resources, database)
    captured = await api.post(f"{CART}/capture", json={})

    assert captured.status_code == 200
    state = (await api.get(CART)).json()
    assert (state["amount_received"], state["requested_amount"], state["flags"]) == (2000, 3000, ["amount_mismatch"])


async def test_a_sync_does_not_reuse_an_answer_from_before_it_was_asked_for(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.pause_webhooks()
    stripe_id = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    await sandbox.hold(UPDATE, method="POST", after_work=True)
    update = asyncio.create_task(api.put(CART, json=TEN_EUROS | {"amount": 2000}))
    await until_held(sandbox)
    await sandbox.confirm(stripe_id)
    asked = asyncio.create_task(api.get(CART, params={"sync": "true"}))
    # It waits behind the update, whose answer is older than the payment.
    await until(database.is_refresh_asked, "the row says that somebody asked")
    await sandbox.release()

    assert (await asked).json()["status"] == "succeeded"
    await update


async def test_what_only_an_older_request_set_is_unset(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, land: Land
) -> None:
    plain = {"amount": 1000, "currency": "eur"}
    stripe_id = (await api.put(CART, json=plain)).json()["stripe_id"]
    await _give_up(api, sandbox, plain | {"receipt_email": "second@example.com"})
    await sandbox.hold(UPDATE, method="GET", after_work=True)
    third = asyncio.create_task(api.put(CART, json=plain | {"amount": 2000}))
    await until_held(sandbox)
    await land(stripe_id, 2, receipt_email="second@example.com")
    await sandbox.release()

    assert (await third).status_code == 200
    [intent] = await sandbox.objects("payment_intents")
    assert (intent["amount"], intent["receipt_email"]) == (2000, None)
    sent = [request["params"] for request in await sandbox.requests() if request["method"] == "POST"]
    unset = [name for params in sent for name, value in params.items() if value == ""]
    assert unset == ["receipt_email"]  # and nothing that was not set

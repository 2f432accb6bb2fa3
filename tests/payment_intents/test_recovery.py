"""What is done without being asked: crashes are finished, the abandoned are cancelled."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.payment_intents import recovery, repository
from app.payment_intents.convergence import config_of
from app.payment_intents.protocol.state import due_at
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.database import LAST_ACTIVITY, Database

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur"}


Sweep = Callable[[], Awaitable[None]]


@pytest.fixture
def sweep(resources: Resources, jobs: Jobs) -> Sweep:
    """Return what sweeps once, and does the jobs that this queues."""

    async def run() -> None:
        await recovery.sweep(resources)
        await jobs()

    return run


@pytest.fixture
async def created(api: httpx.AsyncClient) -> dict[str, Any]:
    body: dict[str, Any] = (await api.put(CART, json=TEN_EUROS)).json()
    return body


async def test_an_abandoned_one_is_cancelled_at_stripe(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await sweep()
    [intent] = await sandbox.objects("payment_intents")
    state = (await api.get(CART)).json()
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "abandoned")
    assert (state["status"], state["expires_at"]) == ("canceled", None)


async def test_one_that_is_not_abandoned_is_left_alone(
    api: httpx.AsyncClient, database: Database, sweep: Sweep, created: dict[str, Any]
) -> None:
    await database.age(timedelta(hours=23, minutes=59), LAST_ACTIVITY)
    await sweep()
    assert (await api.get(CART)).json()["status"] == "requires_payment_method"


async def test_an_attempt_is_a_sign_of_life(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await sandbox.confirm(created["stripe_id"], "pm_card_visa_chargeDeclined")
    await sandbox.wait_idle()
    await sweep()
    assert (await api.get(CART)).json()["status"] == "requires_payment_method"


async def test_a_put_between_the_sweep_and_its_job_is_seen(
    api: httpx.AsyncClient, resources: Resources, database: Database, jobs: Jobs, created: dict[str, Any]
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await recovery.sweep(resources)
    await api.put(CART, json=TEN_EUROS | {"amount": 2000})
    await jobs()
    state = (await api.get(CART)).json()
    assert (state["status"], state["amount"]) == ("requires_payment_method", 2000)


async def test_a_payment_that_succeeds_at_that_moment_wins(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await sweep()
    assert (await api.get(CART)).json()["status"] == "succeeded"
    await sandbox.restore_webhooks()


async def test_one_that_was_silent_too_is_asked_about_before_it_is_cancelled(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database, sweep: Sweep
) -> None:
    held = (await api.put(CART, json=TEN_EUROS | {"capture_method": "manual"})).json()
    await sandbox.lose_webhooks()
    await sandbox.confirm(held["stripe_id"])
    await database.age(timedelta(hours=25))
    await sweep()
    await sweep()
    [intent] = await sandbox.objects("payment_intents")
    await sandbox.restore_webhooks()
    assert intent["status"] == (await api.get(CART)).json()["status"] == "requires_capture"


async def test_a_dry_run_lists_and_changes_nothing(
    api: httpx.AsyncClient, resources: Resources, database: Database, created: dict[str, Any]
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    assert [row.stripe_id for row in await recovery.list_abandoned(resources)] == [created["stripe_id"]]
    assert (await api.get(CART)).json()["status"] == "requires_payment_method"


async def test_held_money_is_not_abandoned(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database, jobs: Jobs, sweep: Sweep
) -> None:
    held = (await api.put(CART, json=TEN_EUROS | {"capture_method": "manual"})).json()
    await sandbox.confirm(held["stripe_id"])
    await sandbox.wait_idle()
    await jobs()
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    await sweep()
    assert (await api.get(CART)).json()["status"] == "requires_capture"


async def test_a_claim_without_an_answer_is_finished(
    api: httpx.AsyncClient, sandbox: SandboxClient, sweep: Sweep
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    await api.put(CART, json=TEN_EUROS)
    await sweep()
    state = (await api.get(CART)).json()
    assert (state["status"], state["is_synced"]) == ("requires_payment_method", True)
    assert await sandbox.count("payment_intents") == 1
    await sandbox.restore_webhooks()


async def test_an_update_without_an_answer_is_finished(
    api: httpx.AsyncClient, sandbox: SandboxClient, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*", count=3)
    await api.put(CART, json=TEN_EUROS | {"amount": 2000})
    await sweep()
    [intent] = await sandbox.objects("payment_intents")
    assert intent["amount"] == 2000
    assert (await api.get(CART)).json()["is_synced"]


async def test_a_cancel_without_an_answer_is_finished(
    api: httpx.AsyncClient, sandbox: SandboxClient, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    await api.post(f"{CART}/cancel", json={"reason": "duplicate"})
    await sweep()
    [intent] = await sandbox.objects("payment_intents")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "duplicate")


async def test_a_request_that_landed_late_is_healed(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await sandbox.hold("/v1/payment_intents/*", method="POST")
    late = await api.put(CART, json=TEN_EUROS | {"amount": 2000})  # given up while it is on its way
    released = await sandbox.release()
    newest = await api.put(CART, json=TEN_EUROS | {"amount": 3000})
    await database.age(timedelta(hours=1))
    await sweep()
    [intent] = await sandbox.objects("payment_intents")
    assert late.status_code == 503
    assert released == 1
    assert newest.status_code == 200
    assert intent["amount"] == (await api.get(CART)).json()["amount"] == 3000


async def test_what_was_silent_for_long_is_asked_for(
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await database.age(timedelta(hours=1, seconds=1))
    await sweep()
    assert (await api.get(CART)).json()["status"] == "succeeded"
    await sandbox.restore_webhooks()


async def test_the_sweep_makes_no_call_when_all_agree(
    sandbox: SandboxClient, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.clear_requests()
    await sweep()
    assert await sandbox.requests() == []


@pytest.mark.parametrize(
    ("status", "is_found"),
    [("processing", False), ("requires_payment_method", True)],
    ids=["can't change any more", "can change"],
)
async def test_what_can_change_no_more_does_not_stand_in_the_way_of_what_can(
    resources: Resources, database: Database, created: dict[str, Any], status: str, is_found: bool
) -> None:
    await database.set_status(status)
    await database.request(amount=2000)
    row = await repository.get(resources.database, UUID(created["id"]))
    due = due_at(row, config_of(resources.settings))
    assert due is not None
    assert (due <= datetime.now(UTC)) is is_found

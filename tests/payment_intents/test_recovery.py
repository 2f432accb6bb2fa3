"""The sweep finishes what a crash left, and cancels what was abandoned."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.db import queue
from app.payment_intents import recovery, repository
from app.payment_intents.protocol.state import due_at
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs, Sweep
from tests.database import LAST_ACTIVITY, Database


@pytest.fixture
async def created(cart: Cart) -> dict[str, Any]:
    body: dict[str, Any] = await cart.owe()
    return body


async def test_an_abandoned_one_is_cancelled_at_stripe(
    cart: Cart,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await sweep()
    intent = await cart.at_stripe()
    state = await cart.state()
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "abandoned")
    assert (state["status"], state["expires_at"]) == ("canceled", None)


async def test_one_that_is_not_abandoned_is_left_alone(
    cart: Cart, database: Database, sweep: Sweep, created: dict[str, Any]
) -> None:
    await database.age(timedelta(hours=23, minutes=59), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["status"] == "requires_payment_method"


async def test_an_attempt_counts_as_activity(
    cart: Cart,
    sandbox: SandboxClient,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await sandbox.confirm(created["stripe_id"], "pm_card_visa_chargeDeclined")
    await sandbox.wait_idle()
    await sweep()
    assert (await cart.state())["status"] == "requires_payment_method"


async def test_a_put_between_the_sweep_and_its_job_is_seen(
    cart: Cart, resources: Resources, database: Database, jobs: Jobs, created: dict[str, Any]
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await recovery.sweep(resources)
    await cart.put(amount=2000)
    await jobs()
    state = await cart.state()
    assert (state["status"], state["amount"]) == ("requires_payment_method", 2000)


async def test_a_payment_that_succeeds_at_that_moment_wins(
    cart: Cart,
    sandbox: SandboxClient,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["status"] == "succeeded"
    await sandbox.restore_webhooks()


async def test_one_without_recent_webhooks_is_retrieved_before_it_is_cancelled(
    cart: Cart, sandbox: SandboxClient, database: Database, sweep: Sweep
) -> None:
    held = await cart.owe(capture_method="manual")
    await sandbox.lose_webhooks()
    await sandbox.confirm(held["stripe_id"])
    await database.age(timedelta(hours=25))
    await sweep()
    await sweep()
    intent = await cart.at_stripe()
    await sandbox.restore_webhooks()
    assert intent["status"] == (await cart.state())["status"] == "requires_capture"


async def test_a_dry_run_lists_and_changes_nothing(
    cart: Cart, resources: Resources, database: Database, created: dict[str, Any]
) -> None:
    await database.age(timedelta(hours=24, seconds=1), LAST_ACTIVITY)
    assert [row.stripe_id for row in await recovery.list_abandoned(resources)] == [created["stripe_id"]]
    assert (await cart.state())["status"] == "requires_payment_method"


async def test_an_authorized_payment_is_not_abandoned(
    cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs, sweep: Sweep
) -> None:
    held = await cart.owe(capture_method="manual")
    await sandbox.confirm(held["stripe_id"])
    await sandbox.wait_idle()
    await jobs()
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["status"] == "requires_capture"


async def test_a_creation_without_an_answer_is_finished(cart: Cart, sandbox: SandboxClient, sweep: Sweep) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    await cart.put()
    await sweep()
    state = await cart.state()
    assert (state["status"], state["is_synced"]) == ("requires_payment_method", True)
    assert await sandbox.count("payment_intents") == 1
    await sandbox.restore_webhooks()


async def test_an_update_without_an_answer_is_finished(
    cart: Cart, sandbox: SandboxClient, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*", count=3)
    await cart.put(amount=2000)
    await sweep()
    intent = await cart.at_stripe()
    assert intent["amount"] == 2000
    assert (await cart.state())["is_synced"]


async def test_a_cancel_without_an_answer_is_finished(
    cart: Cart, sandbox: SandboxClient, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    await cart.cancel(reason="duplicate")
    await sweep()
    intent = await cart.at_stripe()
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "duplicate")


async def test_a_request_that_arrives_late_is_overwritten(
    cart: Cart,
    sandbox: SandboxClient,
    database: Database,
    sweep: Sweep,
    created: dict[str, Any],
) -> None:
    await sandbox.hold("/v1/payment_intents/*", method="POST")
    late = await cart.put(amount=2000)  # given up while it is on its way
    released = await sandbox.release()
    newest = await cart.put(amount=3000)
    await database.age(timedelta(hours=1))
    await sweep()
    intent = await cart.at_stripe()
    assert late.status_code == 503
    assert released == 1
    assert newest.status_code == 200
    assert intent["amount"] == (await cart.state())["amount"] == 3000


async def test_money_under_way_that_nobody_told_of_for_an_hour_is_asked_about(
    cart: Cart, sandbox: SandboxClient, database: Database, sweep: Sweep
) -> None:
    held = await cart.owe(capture_method="manual")
    await sandbox.confirm(held["stripe_id"])
    await sandbox.wait_idle()
    await sandbox.lose_webhooks()
    await sandbox.dashboard_cancel(held["stripe_id"])
    await database.age(timedelta(hours=1, seconds=1))
    await sweep()
    assert (await cart.state())["status"] == "canceled"
    await sandbox.restore_webhooks()


async def test_an_open_cart_that_was_paid_and_nobody_told_is_asked_about_before_it_expires(
    cart: Cart, sandbox: SandboxClient, database: Database, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await database.age(timedelta(hours=24, seconds=1))
    await sweep()
    state = await cart.state()
    assert (state["status"], state["attempts"]["count"]) == ("succeeded", 1)
    await sandbox.restore_webhooks()


async def test_an_abandoned_cart_costs_two_calls_from_its_creation_to_its_end(
    cart: Cart, sandbox: SandboxClient, database: Database, sweep: Sweep, created: dict[str, Any]
) -> None:
    await sandbox.wait_idle()
    await sandbox.clear_requests()
    for _ in range(31):
        await database.age(timedelta(minutes=50))
        await sweep()
    assert (await cart.state())["status"] == "canceled"
    assert [each["method"] for each in await sandbox.requests()] == ["GET", "POST"]


async def test_what_somebody_waits_for_is_done_before_all_that_is_only_due(
    resources: Resources, database: Database, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    due, urgent, done = [uuid4() for _ in range(50)], uuid4(), []

    async def recover(_: Resources, payment_intent_id: UUID) -> None:
        done.append(payment_intent_id)

    monkeypatch.setattr(recovery, "recover", recover)
    async with resources.database.transaction() as connection:
        await queue.enqueue(
            connection, [queue.job("recover_due", is_repeat=True, payment_intent_id=each) for each in due]
        )
        await queue.enqueue(connection, [queue.job("recover", payment_intent_id=urgent)])
    await jobs()
    assert done == [urgent, *due]


async def test_what_a_crash_left_is_swept_before_what_was_only_quiet(
    cart: Cart, resources: Resources, sandbox: SandboxClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, left = await cart.owe(), await cart.another("/v1/carts/c2").owe()
    await sandbox.wait_idle()
    await database.take_jobs()  # of a webhook that came before its PUT was recorded
    monkeypatch.setattr(recovery, "BATCH", 1)
    await database.age(timedelta(hours=25))
    await database.leave_unfinished(UUID(left["id"]))
    await recovery.sweep(resources)
    swept = await database.column("SELECT convert_from(payload, 'utf8') FROM pgqueuer")
    assert [json.loads(each)["payment_intent_id"] for each in swept] == [left["id"]] != [quiet["id"]]


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
async def test_one_whose_terms_can_not_change_any_more_is_not_swept(
    resources: Resources,
    sandbox: SandboxClient,
    database: Database,
    created: dict[str, Any],
    status: str,
    is_found: bool,
) -> None:
    await sandbox.wait_idle()  # the webhook of the creation would disagree with the status
    await database.set_status(status)
    await database.request(amount=2000)
    row = await repository.get(resources.database, UUID(created["id"]))
    due = due_at(row, resources.settings.protocol)
    assert due is not None
    assert (due <= datetime.now(UTC)) is is_found

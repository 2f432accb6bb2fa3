"""What is closed here and may be paid at Stripe is canceled there, or watched until it has ended."""

from datetime import timedelta

import pytest

from app.payment_intents import recovery
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs
from tests.database import Database, Row

SILENT = timedelta(hours=1, seconds=1)


@pytest.fixture
async def closed(cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs) -> Row:
    """Return a PaymentIntent that is closed here alone, with another one live."""
    await cart.owe(capture_method="manual")
    await sandbox.wait_idle()
    await jobs()
    await database.set_aside()
    await cart.owe(amount=2000)
    await sandbox.wait_idle()
    await jobs()
    return (await database.payment_intents())[0]


async def _status_at_stripe(sandbox: SandboxClient, row: Row) -> str:
    return str((await sandbox.object("payment_intents", row["stripe_id"]))["status"])


async def test_a_cancel_by_name_cancels_it_at_stripe(cart: Cart, sandbox: SandboxClient, closed: Row) -> None:
    answer = await cart.cancel(payment_intent=closed["stripe_id"], reason="duplicate")
    again = await cart.cancel(payment_intent=closed["stripe_id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    assert await _status_at_stripe(sandbox, closed) == "canceled"
    assert (await cart.state())["status"] == "requires_payment_method"


async def test_a_cancel_that_stripe_did_not_answer_is_finished_by_the_sweep(
    cart: Cart, sandbox: SandboxClient, resources: Resources, jobs: Jobs, closed: Row
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    answer = await cart.cancel(payment_intent=closed["stripe_id"])
    await recovery.sweep(resources)
    await jobs()
    assert answer.status_code == 503
    assert await _status_at_stripe(sandbox, closed) == "canceled"


async def test_a_cancel_by_name_releases_what_it_holds_and_nothing_else_does(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs, closed: Row
) -> None:
    await sandbox.confirm(closed["stripe_id"])
    await sandbox.wait_idle()
    await jobs()
    await database.age(SILENT)
    await recovery.sweep(resources)
    await jobs()
    held = (await database.payment_intents())[0]
    at_stripe = await _status_at_stripe(sandbox, closed)
    answer = await cart.cancel(payment_intent=str(closed["id"]))
    assert (held["status"], held["flags"], at_stripe) == ("requires_capture", ["paid_after_close"], "requires_capture")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert await _status_at_stripe(sandbox, closed) == "canceled"


async def test_a_late_success_is_recorded_by_the_sweep_when_its_job_fails(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    first = await cart.owe()
    await sandbox.wait_idle()
    await database.close()
    await cart.owe()
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    await sandbox.drop_next(path="/v1/payment_intents/*", count=99)
    await jobs()
    await sandbox.clear_faults()
    failed = (await database.payment_intents())[0]["status"]
    await recovery.sweep(resources)
    await jobs()
    row = (await database.payment_intents())[0]
    assert failed == "canceled"
    assert (row["status"], row["flags"], row["needs_refresh"], row["due_at"]) == (
        "succeeded",
        ["paid_after_close"],
        False,
        None,
    )


async def test_one_that_nobody_tells_of_is_asked_about(
    sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs, closed: Row
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.confirm(closed["stripe_id"])
    await database.age(SILENT)
    await recovery.sweep(resources)
    await jobs()
    await sandbox.restore_webhooks()
    row = (await database.payment_intents())[0]
    assert (row["status"], row["flags"]) == ("requires_capture", ["paid_after_close"])


async def test_the_sweep_makes_no_call_about_what_stripe_refuses_to_cancel_until_an_hour_has_passed(
    sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs, closed: Row
) -> None:
    await sandbox.fail_next(400, code="parameter_unknown", path="/v1/payment_intents/*/cancel")
    await database.age(SILENT)
    for _ in range(2):
        await recovery.sweep(resources)
        await jobs()
    refused = [each for each in await sandbox.requests() if each["path"].endswith("/cancel")]
    await database.age(SILENT)
    await recovery.sweep(resources)
    await jobs()
    assert len(refused) == 1
    assert await _status_at_stripe(sandbox, closed) == "canceled"

"""A PaymentIntent that Stripe does not have any more ends, but only in the account that had it."""

import pytest

from app.payment_intents import recovery
from app.reconcile.sync import sync
from app.resources import Resources
from app.stripe_account import service as stripe_account
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs
from tests.database import Database


@pytest.fixture(autouse=True)
async def remembered(resources: Resources) -> None:
    """Remember the account, as each start of a process does."""
    await stripe_account.check(resources)


async def test_the_next_put_opens_the_next_generation(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    first = await cart.owe()
    await sandbox.wait_idle()
    await sandbox.reset()
    second = await cart.put(amount=2000)
    await sandbox.wait_idle()
    await jobs()
    await sandbox.clear_requests()
    await recovery.sweep(resources)
    await jobs()
    rows = await database.payment_intents()
    assert (second.status_code, second.json()["generation"], second.json()["amount"]) == (201, 2, 2000)
    assert second.json()["stripe_id"] != first["stripe_id"]
    assert [(row["closed_reason"], row["due_at"] is None) for row in rows] == [("gone", True), (None, False)]
    assert await sandbox.requests() == []


async def test_the_sweep_closes_it_and_asks_no_more(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    await cart.owe()
    await sandbox.wait_idle()
    await sandbox.reset()
    await database.need_refresh()
    for _ in range(2):
        await recovery.sweep(resources)
        await jobs()
    [row] = await database.payment_intents()
    paths = [each["path"] for each in await sandbox.requests()]
    assert (row["closed_reason"], row["due_at"]) == ("gone", None)
    assert paths == [f"/v1/payment_intents/{row['stripe_id']}", "/v1/account"]


async def test_every_command_says_that_it_is_over(cart: Cart, sandbox: SandboxClient, resources: Resources) -> None:
    first = await cart.owe()
    await sandbox.reset()
    cancelled = await cart.cancel()
    secret = await cart.client_secret()
    captured = await cart.capture()
    synced = await sync(resources, first["stripe_id"])
    assert (cancelled.status_code, cancelled.json()["closed_reason"]) == (200, "gone")
    assert (secret.status_code, secret.json()["code"]) == (409, "client_secret_unavailable")
    assert (captured.status_code, captured.json()["code"]) == (409, "not_capturable")
    assert synced is not None


async def test_a_client_secret_is_not_handed_out_of_one_that_is_gone(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    await cart.owe()
    await sandbox.wait_idle()
    await sandbox.reset()
    await database.recheck()  # so that Stripe is asked
    secret = await cart.client_secret()
    assert (secret.status_code, secret.json()["code"]) == (409, "client_secret_unavailable")
    assert (await cart.state())["closed_reason"] == "gone"


async def test_in_another_account_it_is_not_gone(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    await cart.owe()
    await sandbox.reset()
    for account in (("acct_other", "test"), ("acct_sandbox", "live")):
        await database.use_account(*account)
        answer = await cart.put(amount=2000)
        assert (answer.status_code, answer.json()["code"]) == (502, "stripe_misconfigured")
    await database.execute("DELETE FROM stripe_account")
    unknown = await cart.put(amount=2000)
    assert unknown.status_code == 502
    assert await sandbox.count("payment_intents") == 0
    await stripe_account.check(resources)
    assert (await cart.put(amount=2000)).status_code == 201

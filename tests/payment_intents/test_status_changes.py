"""Asynchronous capture, slow payment methods, partial captures and expiry change the status as Stripe reports it."""

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.database import Database
from tests.webhooks.sending import ATTEMPTS, CART, put

WEEK_AND_A_DAY = 8 * 86_400


async def test_an_asynchronous_capture_changes_nothing_here(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.confirm(await put(api))
    await sandbox.wait_idle()
    assert "charge.updated" in [event["type"] for event in await sandbox.events()]
    assert (await database.domain_event_types())[1:] == ["attempt.succeeded", "payment.succeeded"]


@pytest.mark.parametrize(
    ("method", "status", "attempt"),
    [
        ("pm_usBankAccount_success", "succeeded", "succeeded"),
        ("pm_usBankAccount_noAccount", "requires_payment_method", "failed"),
    ],
)
async def test_a_slow_method_is_processing_until_its_outcome(
    api: httpx.AsyncClient, sandbox: SandboxClient, jobs: Jobs, method: str, status: str, attempt: str
) -> None:
    stripe_id = await put(api, currency="usd")
    await sandbox.confirm(stripe_id, method)
    await sandbox.wait_idle()
    await jobs()
    waiting = (await api.get(CART)).json()
    await sandbox.advance(120)
    await sandbox.wait_idle()
    await jobs()
    decided = (await api.get(CART)).json()
    [listed] = (await api.get(ATTEMPTS)).json()["data"]
    assert (waiting["status"], waiting["attempts"]["last"]["status"]) == ("processing", "pending")
    assert (decided["status"], listed["status"]) == (status, attempt)


async def test_a_partial_capture_receives_what_was_captured(
    api: httpx.AsyncClient, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await sandbox.confirm(await put(api, capture_method="manual"))
    await sandbox.wait_idle()
    await jobs()
    await api.post(f"{CART}/capture", json={"amount": 600})
    await sandbox.wait_idle()
    state = (await api.get(CART)).json()
    assert (state["status"], state["amount_received"], state["amount_capturable"]) == ("succeeded", 600, 0)
    assert (state["flags"], state["attempts"]["count"]) == ([], 1)


async def test_an_authorisation_that_expires_closes_the_payment_intent(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database, jobs: Jobs
) -> None:
    await sandbox.confirm(await put(api, capture_method="manual"))
    await sandbox.wait_idle()
    await jobs()
    held = (await api.get(CART)).json()
    await sandbox.advance(WEEK_AND_A_DAY)
    await sandbox.wait_idle()
    expired = (await api.get(CART)).json()
    [row] = await database.payment_intents()
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 1000)
    assert (expired["status"], expired["amount_capturable"], row["closed_reason"]) == ("canceled", 0, "hold_expired")

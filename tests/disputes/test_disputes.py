"""Disputes, asynchronous capture, slow methods, partial captures and expiry: the state moves as the facts say."""

import httpx
import pytest
from sqlalchemy import text

from app.resources import Resources
from sandbox.control import SandboxControl
from tests.conftest import Jobs
from tests.webhooks.sending import ATTEMPTS, CART, put

WEEK_AND_A_DAY = 8 * 86_400


async def _told(resources: Resources) -> list[str]:
    async with resources.sessions() as session:
        return list(await session.scalars(text("SELECT type FROM events ORDER BY id")))


async def _disputes(resources: Resources) -> list[tuple[str, str, int]]:
    async with resources.sessions() as session:
        found = await session.execute(text("SELECT status, reason, amount FROM disputes"))
        return [(row.status, row.reason, row.amount) for row in found]


async def test_a_dispute_is_recorded_and_flagged(
    api: httpx.AsyncClient, sandbox: SandboxControl, resources: Resources
) -> None:
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    await sandbox.wait_idle()
    assert await _disputes(resources) == [("needs_response", "fraudulent", 1000)]
    assert (await api.get(CART)).json()["flags"] == ["disputed"]
    assert (await _told(resources))[-2:] == ["payment_intent.flagged", "dispute.needs_response"]


@pytest.mark.parametrize("evidence", ["winning_evidence", "losing_evidence"])
async def test_a_dispute_ends_as_the_bank_decides(
    api: httpx.AsyncClient, sandbox: SandboxControl, resources: Resources, jobs: Jobs, evidence: str
) -> None:
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    params = {"evidence": {"uncategorized_text": evidence}, "submit": True}
    await resources.stripe._calls.send("post", f"/v1/disputes/{dispute['id']}", params)
    await sandbox.wait_idle()
    await jobs()
    outcome = {"winning_evidence": "won", "losing_evidence": "lost"}[evidence]
    assert await _disputes(resources) == [(outcome, "fraudulent", 1000)]
    assert (await _told(resources)).count(f"dispute.{outcome}") == 1


async def test_an_old_telling_of_a_dispute_is_checked_with_stripe(
    api: httpx.AsyncClient, sandbox: SandboxControl, resources: Resources, jobs: Jobs
) -> None:
    await sandbox.webhooks("pause")
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await resources.stripe._calls.send("post", f"/v1/disputes/{dispute['id']}/close", {})
    await sandbox.webhooks("shuffle")
    await sandbox.webhooks("resume")
    await sandbox.wait_idle()
    await jobs()
    assert await _disputes(resources) == [("lost", "fraudulent", 1000)]


async def test_an_asynchronous_capture_changes_nothing_here(
    api: httpx.AsyncClient, sandbox: SandboxControl, resources: Resources
) -> None:
    await sandbox.confirm(await put(api))
    await sandbox.wait_idle()
    assert "charge.updated" in [event["type"] for event in await sandbox.events()]
    assert (await _told(resources))[2:] == ["payment_attempt.succeeded", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("method", "status", "attempt"),
    [
        ("pm_usBankAccount_success", "succeeded", "succeeded"),
        ("pm_usBankAccount_noAccount", "requires_payment_method", "failed"),
    ],
)
async def test_a_slow_method_is_processing_until_its_outcome(
    api: httpx.AsyncClient, sandbox: SandboxControl, jobs: Jobs, method: str, status: str, attempt: str
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
    api: httpx.AsyncClient, sandbox: SandboxControl, jobs: Jobs
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
    api: httpx.AsyncClient, sandbox: SandboxControl, resources: Resources, jobs: Jobs
) -> None:
    await sandbox.confirm(await put(api, capture_method="manual"))
    await sandbox.wait_idle()
    await jobs()
    held = (await api.get(CART)).json()
    await sandbox.advance(WEEK_AND_A_DAY)
    await sandbox.wait_idle()
    expired = (await api.get(CART)).json()
    async with resources.sessions() as session:
        reason = await session.scalar(text("SELECT closed_reason FROM payment_intents"))
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 1000)
    assert (expired["status"], expired["amount_capturable"], reason) == ("canceled", 0, "expired")

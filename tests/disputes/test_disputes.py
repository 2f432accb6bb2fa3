"""A dispute is recorded, flagged, and ends as the bank decides, in whatever order its events come."""

import httpx
import pytest
from sqlalchemy import text

from app.resources import Resources
from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.webhooks.sending import CART, put


async def _told(resources: Resources) -> list[str]:
    async with resources.sessions() as session:
        return list(await session.scalars(text("SELECT type FROM events ORDER BY id")))


async def _disputes(resources: Resources) -> list[tuple[str, str, int]]:
    async with resources.sessions() as session:
        found = await session.execute(text("SELECT status, reason, amount FROM disputes"))
        return [(row.status, row.reason, row.amount) for row in found]


async def test_a_dispute_is_recorded_and_flagged(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources
) -> None:
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    await sandbox.wait_idle()
    assert await _disputes(resources) == [("needs_response", "fraudulent", 1000)]
    assert (await api.get(CART)).json()["flags"] == ["disputed"]
    assert (await _told(resources))[-2:] == ["payment_intent.flagged", "dispute.needs_response"]


@pytest.mark.parametrize("evidence", ["winning_evidence", "losing_evidence"])
async def test_a_dispute_ends_as_the_bank_decides(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, jobs: Jobs, evidence: str
) -> None:
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_submit_evidence(dispute["id"], evidence)
    await sandbox.wait_idle()
    await jobs()
    outcome = {"winning_evidence": "won", "losing_evidence": "lost"}[evidence]
    assert await _disputes(resources) == [(outcome, "fraudulent", 1000)]
    assert (await _told(resources)).count(f"dispute.{outcome}") == 1


async def test_an_old_telling_of_a_dispute_is_checked_with_stripe(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, jobs: Jobs
) -> None:
    await sandbox.pause_webhooks()
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_close_dispute(dispute["id"])
    await sandbox.shuffle_webhooks()
    await sandbox.resume_webhooks()
    await sandbox.wait_idle()
    await jobs()
    assert await _disputes(resources) == [("lost", "fraudulent", 1000)]

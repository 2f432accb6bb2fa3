"""A dispute is recorded, flagged, and ends as the bank decides, in whatever order its events come."""

import httpx
import pytest

from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs
from tests.database import Database
from tests.webhooks.sending import CART, put


async def _disputes(database: Database) -> list[tuple[str, str, int]]:
    return [(row["status"], row["reason"], row["amount"]) for row in await database.disputes()]


async def test_a_dispute_is_recorded_and_flagged(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    await sandbox.wait_idle()
    assert await _disputes(database) == [("needs_response", "fraudulent", 1000)]
    assert (await api.get(CART)).json()["flags"] == ["disputed"]
    assert (await database.domain_event_types())[-1] == "dispute.opened"


@pytest.mark.parametrize(
    ("evidence", "lost", "refundable"), [("winning_evidence", 0, 1000), ("losing_evidence", 1000, 0)]
)
async def test_only_what_stripe_would_give_back_is_refundable(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, evidence: str, lost: int, refundable: int
) -> None:
    await cart.owe()
    await cart.pay("pm_card_createDispute")
    disputed = await cart.state()
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_submit_evidence(dispute["id"], evidence)
    await sandbox.wait_idle()
    await jobs()
    ended = await cart.state()
    names = ("amount_disputed", "amount_lost", "amount_refundable", "amount_received")
    assert [disputed[name] for name in names] == [1000, 0, 0, 1000]
    assert [ended[name] for name in names] == [0, lost, refundable, 1000]


async def test_an_inquiry_keeps_nothing_back(cart: Cart) -> None:
    await cart.owe()
    await cart.pay("pm_card_createDisputeInquiry")
    state = await cart.state()
    assert (state["flags"], state["amount_disputed"], state["amount_refundable"]) == (["disputed"], 0, 1000)


@pytest.mark.parametrize("evidence", ["winning_evidence", "losing_evidence"])
async def test_a_dispute_ends_as_the_bank_decides(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs, evidence: str
) -> None:
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_submit_evidence(dispute["id"], evidence)
    await sandbox.wait_idle()
    await jobs()
    outcome = {"winning_evidence": "won", "losing_evidence": "lost"}[evidence]
    assert await _disputes(database) == [(outcome, "fraudulent", 1000)]
    [closed] = await database.domain_events("dispute.closed")
    assert closed["data"]["status"] == outcome


async def test_an_older_event_that_comes_late_does_not_undo_a_dispute(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    await sandbox.pause_webhooks()
    await sandbox.confirm(await put(api), "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_close_dispute(dispute["id"])
    await sandbox.shuffle_webhooks()
    await sandbox.resume_webhooks()
    await sandbox.wait_idle()
    await jobs()
    assert await _disputes(database) == [("lost", "fraudulent", 1000)]

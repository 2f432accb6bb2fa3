"""A payment from end to end: the shopper pays, the webhook arrives, every attempt is in the history."""

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.conftest import Jobs

CART = "/v1/carts/c1/payment-intent"
ATTEMPTS = "/v1/carts/c1/attempts"
TEN_EUROS = {"amount": 1000, "currency": "eur", "cart_version": 7}


@pytest.fixture
async def stripe_id(api: httpx.AsyncClient) -> str:
    created: str = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    return created


async def test_a_payment_is_known_by_its_webhook(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str
) -> None:
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    state = (await api.get(CART)).json()
    assert (state["status"], state["amount_received"], state["flags"]) == ("succeeded", 1000, [])


async def test_a_decline_and_a_success_are_two_attempts_of_one_payment_intent(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str
) -> None:
    await sandbox.confirm(stripe_id, "pm_card_visa_chargeDeclined")
    await sandbox.confirm(stripe_id, "pm_card_visa")
    await sandbox.wait_idle()

    page = (await api.get(ATTEMPTS)).json()
    assert page["next_cursor"] is None
    assert [(attempt["status"], attempt["decline_code"], attempt["card_last4"]) for attempt in page["data"]] == [
        ("succeeded", None, "4242"),
        ("failed", "generic_decline", "0002"),
    ]
    assert {(attempt["amount"], attempt["cart_version"]) for attempt in page["data"]} == {(1000, 7)}
    assert len({attempt["payment_intent_id"] for attempt in page["data"]}) == 1
    summary = (await api.get(CART)).json()["attempts"]
    assert (summary["count"], summary["failed"], summary["last"]["status"]) == (2, 1, "succeeded")


async def test_a_passed_challenge_pays(api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str) -> None:
    confirmed = await sandbox.confirm(stripe_id, "pm_card_threeDSecure2Required")
    await sandbox.authenticate(stripe_id, "succeed")
    await sandbox.wait_idle()
    [attempt] = (await api.get(ATTEMPTS)).json()["data"]
    assert confirmed.status == "requires_action"
    assert (await api.get(CART)).json()["status"] == "succeeded"
    assert (attempt["status"], attempt["three_d_secure"]) == ("succeeded", "authenticated")


async def test_a_failed_challenge_is_an_attempt_without_a_charge(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str, jobs: Jobs
) -> None:
    await sandbox.confirm(stripe_id, "pm_card_threeDSecure2Required")
    await sandbox.authenticate(stripe_id, "fail", leaves_charge=False)
    await sandbox.wait_idle()
    await jobs()
    [attempt] = (await api.get(ATTEMPTS)).json()["data"]
    assert (attempt["status"], attempt["charge_id"], attempt["failure_code"]) == (
        "failed",
        None,
        "payment_intent_authentication_failure",
    )
    assert (await api.get(CART)).json()["status"] == "requires_payment_method"


async def test_a_status_that_a_webhook_announces_is_fetched_once_by_a_job(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str, jobs: Jobs
) -> None:
    await sandbox.confirm(stripe_id, "pm_card_threeDSecure2Required")
    await sandbox.wait_idle()
    await sandbox.clear_requests()
    before = (await api.get(CART)).json()
    await jobs()
    after = (await api.get(CART)).json()
    assert (before["status"], before["is_synced"]) == ("requires_payment_method", False)
    assert (after["status"], after["is_synced"]) == ("requires_action", True)
    assert [(request["method"], request["path"]) for request in await sandbox.requests()] == [
        ("GET", f"/v1/payment_intents/{stripe_id}")
    ]


async def test_a_payment_of_another_amount_than_owed_is_flagged(
    api: httpx.AsyncClient, sandbox: SandboxClient, stripe_id: str
) -> None:
    await sandbox.drop_next(path=f"/v1/payment_intents/{stripe_id}", count=3)
    await api.put(CART, json=TEN_EUROS | {"amount": 2000, "cart_version": 8})  # Stripe never hears of it
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    state = (await api.get(CART)).json()
    assert (state["status"], state["amount_received"], state["requested_amount"]) == ("succeeded", 1000, 2000)
    assert state["flags"] == ["amount_mismatch"]

"""The history of attempts is complete, and no attempt is in it twice."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.attempts.explanations import explain
from app.payment_intents import recovery
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs
from tests.database import Database
from tests.webhooks.sending import ATTEMPTS, CART, put

DECLINED = "pm_card_visa_chargeDeclined"


async def _attempts(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await api.get(ATTEMPTS)).json()["data"]
    return listed


async def test_two_events_of_one_change_make_one_attempt(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    stripe_id = await put(api)
    await sandbox.duplicate_events()
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id, "pm_card_threeDSecure2Required")
    await sandbox.authenticate(stripe_id, "fail", leaves_charge=False)
    await sandbox.wait_idle()
    twins = [event["type"] for event in await sandbox.events()]
    assert twins.count("payment_intent.payment_failed") == 4
    assert len(await _attempts(api)) == 2


async def test_two_declines_with_the_same_code_stay_two(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    stripe_id = await put(api)
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.wait_idle()
    assert [each["decline_code"] for each in await _attempts(api)] == ["generic_decline"] * 2


async def test_a_failed_challenge_with_a_charge_is_one_attempt(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    stripe_id = await put(api)
    await sandbox.confirm(stripe_id, "pm_card_threeDSecure2Required")
    await sandbox.authenticate(stripe_id, "fail", leaves_charge=True)
    await sandbox.wait_idle()
    [attempt] = await _attempts(api)
    assert (attempt["status"], attempt["three_d_secure"]) == ("failed", "failed")


async def test_attempts_whose_webhooks_were_lost_are_fetched_from_stripe(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database, jobs: Jobs
) -> None:
    stripe_id = await put(api)
    await sandbox.lose_webhooks()
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id)
    await database.age(timedelta(hours=24, seconds=1))
    await recovery.sweep(resources)
    await jobs()
    assert [each["status"] for each in await _attempts(api)] == ["succeeded", "failed", "failed"]
    assert (await api.get(CART)).json()["attempts"]["count"] == 3


async def test_an_attempt_is_explained_to_support(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    stripe_id = await put(api)
    await sandbox.confirm(stripe_id, "pm_card_visa_chargeDeclinedInsufficientFunds")
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    paid, declined = await _attempts(api)
    assert declined["explanation"] == (
        "There is not enough money on the card. The shopper should pay with another card or method."
    )
    assert (declined["risk_level"], declined["cart_version"]) == ("normal", 7)
    assert paid["explanation"] is None


AMOUNTS = ("amount", "amount_authorized", "amount_captured", "amount_released", "amount_refunded")


async def _amounts(cart: Cart) -> list[int]:
    [attempt] = await cart.attempts()
    last = (await cart.state())["attempts"]["last"]
    assert {name: last[name] for name in AMOUNTS} == {name: attempt[name] for name in AMOUNTS}
    return [attempt[name] for name in AMOUNTS]


async def test_an_attempt_tells_what_was_held_captured_and_released(cart: Cart, jobs: Jobs) -> None:
    await cart.owe(capture_method="manual")
    await cart.pay()
    await jobs()
    held = await _amounts(cart)
    await cart.capture(amount=400)
    assert held == [1000, 1000, 0, 0, 0]
    assert await _amounts(cart) == [1000, 1000, 400, 600, 0]


async def test_an_attempt_tells_that_a_hold_was_released(cart: Cart) -> None:
    await cart.owe(capture_method="manual")
    await cart.pay()
    await cart.cancel()
    assert await _amounts(cart) == [1000, 1000, 0, 1000, 0]


async def test_an_attempt_tells_what_was_refunded_and_a_failed_one_nothing(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    await cart.pay(DECLINED)
    failed = await _amounts(cart)
    await cart.pay()
    await sandbox.dashboard_refund((await cart.state())["stripe_id"], 300)
    await sandbox.wait_idle()
    paid, declined = await cart.attempts()
    assert failed == [declined[name] for name in AMOUNTS] == [1000, 0, 0, 0, 0]
    assert [paid[name] for name in AMOUNTS] == [1000, 1000, 1000, 0, 300]


@pytest.mark.parametrize(
    ("failure_code", "decline_code", "begins"),
    [
        ("expired_card", None, "The card has expired."),
        ("card_declined", "stolen_card", "The card was reported stolen."),
        ("payment_intent_authentication_failure", None, "3D Secure failed."),
        ("brand_new_code", None, "The payment failed with `brand_new_code`."),
    ],
    ids=["expired", "stolen", "3D Secure failed", "a code that we do not know"],
)
def test_every_failure_has_a_sentence(failure_code: str, decline_code: str | None, begins: str) -> None:
    assert (explain(failure_code, decline_code) or "").startswith(begins)

"""Capture: once, all or a part of what is authorized, and never more."""

import asyncio
from typing import Any

import pytest

from app.resources import Resources
from app.stripe_gateway import PaymentIntentSnapshot
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs
from tests.webhooks.sending import send


@pytest.fixture
async def authorized(cart: Cart) -> dict[str, Any]:
    """Return a PaymentIntent that Stripe has authorized; whether we know of it yet is left to chance."""
    created = await cart.owe(capture_method="manual")
    await cart.confirm()
    return created


async def test_an_authorization_is_captured(cart: Cart, authorized: dict[str, Any]) -> None:
    answer = await cart.capture()
    again = await cart.capture()
    assert (answer.status_code, answer.json()["status"], answer.json()["amount_received"]) == (200, "succeeded", 1000)
    assert again.status_code == 200
    assert (await cart.at_stripe())["amount_received"] == 1000


async def test_a_part_can_be_captured_and_is_what_was_owed(cart: Cart, authorized: dict[str, Any]) -> None:
    answer = await cart.capture(amount=600, payment_intent=authorized["id"])
    other = await cart.capture(amount=700)
    assert (answer.status_code, answer.json()["amount_received"], answer.json()["flags"]) == (200, 600, [])
    assert (other.status_code, other.json()["code"]) == (409, "already_paid")


async def test_more_than_is_authorized_is_not_captured(cart: Cart, authorized: dict[str, Any]) -> None:
    answer = await cart.capture(amount=1001)
    assert (answer.status_code, answer.json()["code"]) == (409, "capture_exceeds_authorization")
    assert answer.json()["amount_capturable"] == 1000


async def test_what_is_not_authorized_is_not_captured(cart: Cart) -> None:
    await cart.owe()
    answer = await cart.capture()
    assert (answer.status_code, answer.json()["code"]) == (409, "not_capturable")


async def test_a_capture_whose_answer_was_lost_is_found(
    cart: Cart, sandbox: SandboxClient, authorized: dict[str, Any]
) -> None:
    await sandbox.lose_next_answer(path="/v1/payment_intents/*/capture", count=3)
    lost = await cart.capture(amount=600)
    again = await cart.capture(amount=600)
    assert lost.status_code in {200, 503}
    assert (again.status_code, again.json()["amount_received"]) == (200, 600)
    assert (await cart.at_stripe())["amount_received"] == 600


async def test_racing_captures_of_two_amounts_capture_one(cart: Cart, authorized: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(cart.capture(amount=500 + n) for n in range(6)))
    done = [answer.json()["amount_received"] for answer in answers if answer.status_code == 200]
    assert done == [(await cart.at_stripe())["amount_received"]]
    assert {answer.status_code for answer in answers} == {200, 409}


async def test_an_unknown_cart_cannot_be_captured(cart: Cart, sandbox: SandboxClient) -> None:
    answer = await cart.capture()
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")
    assert await sandbox.requests() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"amount": 0}, "amount"), ({"amount": 1.5}, "amount"), ({"everything": True}, "everything")],
    ids=["no amount", "a fraction", "an unknown field"],
)
async def test_an_invalid_field_is_named(cart: Cart, body: dict[str, Any], field: str) -> None:
    answer = await cart.capture(**body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_an_authorization_that_stripe_raised_is_asked_for_and_captured(
    cart: Cart, sandbox: SandboxClient, resources: Resources, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an incremental authorization does, which the sandbox does not make."""
    await cart.owe(capture_method="manual")
    await cart.pay()
    await jobs()
    raised = await cart.at_stripe() | {"amount": 1500, "amount_capturable": 1500}
    event = {"id": "evt_raised", "object": "event", "type": "payment_intent.amount_capturable_updated", "created": 1}
    retrieved = PaymentIntentSnapshot.parse(raised)

    async def retrieve(_: str) -> PaymentIntentSnapshot:
        return retrieved

    monkeypatch.setattr(resources.stripe, "retrieve_payment_intent", retrieve)
    answer = await send(cart.api, event | {"livemode": False, "data": {"object": raised}})
    await jobs()
    state = await cart.state()
    captured = await cart.capture(amount=1500)
    assert answer.json() == {"outcome": "recorded"}
    assert (state["amount"], state["amount_capturable"]) == (1500, 1500)
    assert captured.json().get("code") != "capture_exceeds_authorization"

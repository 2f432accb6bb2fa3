"""Cancel: what is cancelled already stays so, and a payment that succeeded first wins."""

import asyncio
from typing import Any

import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart


async def test_cancelling_ends_it_at_stripe_with_the_reason(cart: Cart) -> None:
    await cart.owe()
    answer = await cart.cancel(reason="requested_by_customer")
    again = await cart.cancel()
    intent = await cart.at_stripe()
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "requested_by_customer")


async def test_many_cancels_at_once_are_one(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    await sandbox.clear_requests()
    answers = await asyncio.gather(*(cart.cancel() for _ in range(10)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "canceled")}
    assert len(await sandbox.requests()) == 1


async def test_a_paid_one_is_not_cancelled_also_when_the_webhook_is_late(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    await sandbox.pause_webhooks()
    await cart.confirm()
    answer = await cart.cancel()
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")
    assert (await cart.state())["status"] == "succeeded"
    await sandbox.restore_webhooks()


async def test_an_authorization_is_released_by_a_cancel(cart: Cart) -> None:
    authorized = await cart.owe(capture_method="manual")
    await cart.confirm()
    answer = await cart.cancel(payment_intent=authorized["stripe_id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")


async def test_a_cancel_names_the_one_it_means(cart: Cart) -> None:
    first = await cart.owe()
    await cart.cancel()
    second = await cart.owe()
    late = await cart.cancel(payment_intent=first["id"])
    unknown = await cart.cancel(payment_intent="pi_unknown")
    state = await cart.state()
    assert (late.status_code, late.json()["generation"], late.json()["status"]) == (200, 1, "canceled")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "payment_intent_not_found")
    assert (state["stripe_id"], state["status"]) == (second["stripe_id"], "requires_payment_method")


async def test_a_cancel_that_stripe_did_not_answer_stands(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    lost = await cart.cancel(reason="duplicate")
    secret = await cart.client_secret()
    again = await cart.cancel()
    assert (lost.status_code, lost.json()["code"]) == (503, "stripe_unavailable")
    assert secret.status_code == 409
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


async def test_a_creation_that_stripe_never_answered_can_be_cancelled(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    await cart.put()
    answer = await cart.cancel()
    assert (answer.status_code, (await cart.at_stripe())["status"]) == (200, "canceled")


async def test_an_unknown_cart_cannot_be_cancelled(cart: Cart, sandbox: SandboxClient) -> None:
    answer = await cart.cancel()
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")
    assert await sandbox.requests() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"reason": "because"}, "reason"), ({"payment_intent": "42"}, "payment_intent")],
    ids=["reason", "PaymentIntent"],
)
async def test_an_invalid_field_is_named(cart: Cart, body: dict[str, Any], field: str) -> None:
    answer = await cart.cancel(**body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)

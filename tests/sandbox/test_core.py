import asyncio

import pytest
import stripe

from sandbox.client import SandboxClient
from tests.sandbox.running import Receiver

TEN_EUROS: stripe.params.PaymentIntentCreateParams = {"amount": 1000, "currency": "eur"}


async def test_a_lost_answer_is_found_again_with_the_same_key(
    client: stripe.StripeClient, control: SandboxClient
) -> None:
    await control.lose_next_answer()
    options: stripe.RequestOptions = {"idempotency_key": "cart-1"}
    with pytest.raises(stripe.APIConnectionError):
        await asyncio.to_thread(client.v1.payment_intents.create, TEN_EUROS, options)
    assert await control.count("payment_intents") == 1
    found = client.v1.payment_intents.create(TEN_EUROS, options)
    assert found.last_response is not None
    assert found.last_response.headers["Idempotent-Replayed"] == "true"
    assert await control.count("payment_intents") == 1


async def test_webhooks_come_in_order_and_signed(
    client: stripe.StripeClient, control: SandboxClient, receiver: Receiver
) -> None:
    endpoint = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    intent = client.v1.payment_intents.create(TEN_EUROS)
    confirmation = await control.confirm(intent.id)
    assert confirmation.status == "succeeded"
    await control.wait_idle()
    assert receiver.types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]
    assert endpoint.secret is not None
    for entry in receiver.received:
        event = stripe.Webhook.construct_event(entry.payload, entry.signature, endpoint.secret)
        assert event.data.object["object"] in {"charge", "payment_intent"}

import asyncio
import hashlib
import hmac
import socket
import time

import pytest
import stripe
from stripe import InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from tests.sandbox.conftest import Start
from tests.sandbox.running import WEBHOOK_SECRET, Receiver, client_of, confirmed, created


@pytest.fixture
def endpoint(client: StripeClient, receiver: Receiver) -> stripe.WebhookEndpoint:
    return client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})


async def test_the_signature_is_an_hmac_of_time_and_body(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    created(client)
    await control.wait_idle()
    (entry,) = receiver.received
    timestamp, digest = (part.partition("=")[2] for part in entry.signature.split(","))
    signed = timestamp.encode() + b"." + entry.payload
    assert hmac.new(str(endpoint.secret).encode(), signed, hashlib.sha256).hexdigest() == digest
    assert abs(int(timestamp) - time.time()) < 5
    assert stripe.Webhook.construct_event(entry.payload, entry.signature, str(endpoint.secret)).livemode is False


async def test_the_signature_is_of_wall_time_while_created_follows_the_clock(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    await control.advance(86_400)
    created(client)
    await control.wait_idle()
    (entry,) = receiver.received
    assert entry.event["created"] > time.time() + 86_000
    assert abs(int(entry.signature.split(",")[0][2:]) - time.time()) < 5


async def test_while_a_secret_is_rolled_both_sign(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    fresh = await control.roll_secret(endpoint.id, overlap=3600)
    created(client)
    await control.wait_idle()
    for secret in (fresh, str(endpoint.secret)):
        entry = receiver.received[-1]
        assert stripe.Webhook.construct_event(entry.payload, entry.signature, secret).id == entry.event["id"]
    await control.advance(3601)
    created(client)
    await control.wait_idle()
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(
            receiver.received[-1].payload, receiver.received[-1].signature, str(endpoint.secret)
        )


@pytest.mark.parametrize("status", [500, 404, 301, 302])
async def test_anything_but_2xx_is_tried_again_with_a_new_signature(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint, status: int
) -> None:
    receiver.statuses = [status]
    created(client)
    await control.wait_idle()
    first, second = receiver.received
    assert first.event == second.event
    (delivery,) = await control.deliveries()
    assert (delivery["status"], delivery["attempts"], delivery["last_answer"]) == ("delivered", 2, 200)


async def test_a_delivery_is_given_up_after_its_last_retry(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    receiver.statuses = [500] * 10
    created(client)
    await asyncio.sleep(0.3)
    await control.advance(3601)
    await control.wait_idle()
    assert len(receiver.received) == 4
    (delivery,) = await control.deliveries()
    assert delivery["status"] == "failed"
    assert [event.id for event in client.v1.events.list({"delivery_success": False}).data] == receiver.ids[:1]


async def test_retries_wait_for_the_sandboxs_clock(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    receiver.statuses = [500] * 3
    created(client)
    await asyncio.sleep(0.4)
    assert len(receiver.received) == 3
    await control.advance(3601)
    await control.wait_idle()
    assert len(receiver.received) == 4


async def test_an_endpoint_gets_only_the_events_that_it_wants(
    client: StripeClient, control: SandboxClient, receiver: Receiver
) -> None:
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["charge.succeeded"]})
    confirmed(client)
    await control.wait_idle()
    assert receiver.types == ["charge.succeeded"]


async def test_a_disabled_or_deleted_endpoint_gets_nothing_more(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    created(client)
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": False})
    created(client)
    await control.wait_idle()
    assert len(receiver.received) == 1
    client.v1.webhook_endpoints.delete(endpoint.id)
    created(client)
    await control.wait_idle()
    assert len(receiver.received) == 1
    with pytest.raises(InvalidRequestError) as e:
        client.v1.webhook_endpoints.retrieve(endpoint.id)
    assert e.value.http_status == 404


def test_the_secret_is_shown_only_at_creation(client: StripeClient, endpoint: stripe.WebhookEndpoint) -> None:
    assert str(endpoint.secret).startswith("whsec_")
    assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id).to_dict()
    (listed,) = client.v1.webhook_endpoints.list().data
    assert (listed.id, "secret" in listed.to_dict()) == (endpoint.id, False)


async def test_paused_deliveries_wait_and_can_be_shuffled(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    await control.pause_webhooks()
    for _ in range(20):
        created(client)
    await asyncio.sleep(0.1)
    assert receiver.received == []
    await control.shuffle_webhooks()
    await control.resume_webhooks()
    await control.wait_idle()
    in_order = [event["id"] for event in await control.events()]
    assert receiver.ids != in_order
    assert sorted(receiver.ids) == sorted(in_order)


async def test_deliver_pending_does_not_wait_for_the_backoff_or_the_pause(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    await control.pause_webhooks()
    created(client)
    assert await control.deliver_pending() == 0
    assert receiver.types == ["payment_intent.created"]


async def test_duplicates_have_the_same_id_and_twins_do_not(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    await control.duplicate_webhooks()
    created(client)
    await control.wait_idle()
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    await control.restore_webhooks()
    await control.duplicate_events(1)
    created(client)
    created(client)
    await control.wait_idle()
    twins = receiver.received[2:]
    assert len({entry.event["id"] for entry in twins}) == 3
    objects = [entry.event["data"]["object"]["id"] for entry in twins]
    assert len(set(objects)) == 2


async def test_a_lost_delivery_never_comes_but_is_listed(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    await control.lose_webhooks(1)
    first, second = created(client), created(client)
    await control.wait_idle()
    assert [entry.event["data"]["object"]["id"] for entry in receiver.received] == [second.id]
    (lost,) = client.v1.events.list({"delivery_success": False}).data
    assert lost.data.object["id"] == first.id
    await control.redeliver(lost.id)
    await control.wait_idle()
    assert receiver.ids[-1] == lost.id
    assert client.v1.events.list({"delivery_success": False}).data == []


async def test_delayed_deliveries_come_later(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    await control.delay_webhooks(600)
    created(client)
    await asyncio.sleep(0.1)
    assert receiver.received == []
    await control.advance(601)
    await control.wait_idle()
    assert len(receiver.received) == 1


async def test_the_endpoint_of_the_config_gets_all_events_with_its_secret(start: Start, receiver: Receiver) -> None:
    url = start(SandboxConfig(webhook_url=receiver.url, webhook_secret=WEBHOOK_SECRET))
    async with SandboxClient(url) as control:
        created(client_of(url))
        await control.wait_idle()
        await control.reset()
        created(client_of(url))
        await control.wait_idle()
    assert len(receiver.received) == 2
    entry = receiver.received[1]
    assert (
        stripe.Webhook.construct_event(entry.payload, entry.signature, WEBHOOK_SECRET).type == "payment_intent.created"
    )


async def test_a_hanging_endpoint_holds_up_no_other_and_no_answer(
    client: StripeClient, control: SandboxClient, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # it takes connections and never answers
    port = silent.getsockname()[1]
    client.v1.webhook_endpoints.create({"url": f"http://127.0.0.1:{port}/", "enabled_events": ["*"]})
    began = time.monotonic()
    created(client)
    while not receiver.received:
        await asyncio.sleep(0.01)
    assert time.monotonic() - began < 2
    silent.close()


async def test_an_endpoint_that_refuses_connections_is_tried_again(
    client: StripeClient, control: SandboxClient
) -> None:
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:1/", "enabled_events": ["*"]})
    created(client)
    await asyncio.sleep(0.2)
    (delivery,) = await control.deliveries()
    assert delivery["status"] == "pending"
    assert delivery["attempts"] >= 1
    assert delivery["last_answer"] == "ClientConnectorError"

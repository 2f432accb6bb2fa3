from typing import Any

import pytest
import stripe
from stripe import CardError, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import confirmed, created


async def types_after(control: SandboxClient) -> list[str]:
    return [event["type"] for event in await control.events()]


async def test_a_success_emits_created_charge_succeeded_and_the_late_balance(
    client: StripeClient, control: SandboxClient
) -> None:
    confirmed(client)
    assert await types_after(control) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]


async def test_an_asynchronous_capture_has_no_balance_transaction_before_charge_updated(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, expand=["latest_charge"])
    assert isinstance(intent.latest_charge, stripe.Charge)
    (succeeded,) = await control.events("charge.succeeded")
    (updated,) = await control.events("charge.updated")
    assert succeeded["data"]["object"]["balance_transaction"] is None
    assert updated["data"]["object"]["balance_transaction"].startswith("txn_")
    assert updated["data"]["previous_attributes"]["balance_transaction"] is None


async def test_a_synchronous_capture_has_its_balance_transaction_at_once(
    client: StripeClient, control: SandboxClient
) -> None:
    confirmed(client, capture_method="automatic")
    (succeeded,) = await control.events("charge.succeeded")
    assert succeeded["data"]["object"]["balance_transaction"].startswith("txn_")
    assert await control.events("charge.updated") == []


async def test_a_decline_emits_charge_failed_and_payment_failed(client: StripeClient, control: SandboxClient) -> None:
    with pytest.raises(CardError):
        confirmed(client, "pm_card_chargeDeclined")
    assert await types_after(control) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


async def test_a_challenge_emits_requires_action(client: StripeClient, control: SandboxClient) -> None:
    confirmed(client, "pm_card_authenticationRequired")
    assert await types_after(control) == ["payment_intent.created", "payment_intent.requires_action"]


async def test_an_amount_change_emits_nothing(client: StripeClient, control: SandboxClient) -> None:
    intent = created(client)
    client.v1.payment_intents.update(intent.id, {"amount": 2000})
    assert await types_after(control) == ["payment_intent.created"]


async def test_a_snapshot_is_the_state_at_its_time(client: StripeClient, control: SandboxClient) -> None:
    confirmed(client)
    (first,) = await control.events("payment_intent.created")
    (last,) = await control.events("payment_intent.succeeded")
    assert first["data"]["object"]["status"] == "requires_confirmation"
    assert last["data"]["object"]["status"] == "succeeded"


async def test_an_event_names_the_request_that_caused_it(client: StripeClient, control: SandboxClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 1000, "currency": "eur"}, {"idempotency_key": "cart-1"})
    assert intent.last_response is not None
    (event,) = await control.events()
    assert event["request"] == {"id": intent.last_response.request_id, "idempotency_key": "cart-1"}
    await control.dashboard_cancel(intent.id)
    (canceled,) = await control.events("payment_intent.canceled")
    assert canceled["request"] == {"id": None, "idempotency_key": None}


async def test_events_can_be_retrieved_and_filtered(client: StripeClient) -> None:
    confirmed(client)
    created(client)
    events = client.v1.events.list({"type": "payment_intent.created"}).data
    assert [event.type for event in events] == ["payment_intent.created"] * 2
    either = client.v1.events.list({"types": ["charge.succeeded", "charge.updated"]}).data
    assert [event.type for event in either] == ["charge.updated", "charge.succeeded"]
    assert client.v1.events.retrieve(events[0].id).type == "payment_intent.created"
    assert events[0].api_version == "2026-10-28.endive"


async def test_events_are_listed_by_when_they_were_created(client: StripeClient, control: SandboxClient) -> None:
    created(client)
    await control.advance(3600)
    late = created(client)
    after = int(await control.now()) - 600
    (event,) = client.v1.events.list({"created": {"gte": after}}).data
    assert event.data.object["id"] == late.id
    assert len(client.v1.events.list({"created": {"lt": after}}).data) == 1


async def test_auto_paging_with_ending_before_goes_from_old_to_new(client: StripeClient) -> None:
    for _ in range(5):
        created(client)
    everything = [event.id for event in client.v1.events.list().data]
    page = client.v1.events.list({"ending_before": everything[-1], "limit": 2})
    assert [event.id for event in page.auto_paging_iter()] == everything[-2::-1]


async def test_events_are_kept_30_days(client: StripeClient, control: SandboxClient) -> None:
    created(client)
    (event,) = client.v1.events.list().data
    await control.advance(30 * 86_400 + 1)
    assert client.v1.events.list().data == []
    with pytest.raises(InvalidRequestError) as e:
        client.v1.events.retrieve(event.id)
    assert e.value.http_status == 404


async def test_delivery_success_tells_delivered_events_from_the_others(
    client: StripeClient, control: SandboxClient
) -> None:
    created(client)
    delivered: Any = {"delivery_success": True}
    assert len(client.v1.events.list(delivered).data) == 1
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:1/", "enabled_events": ["*"]})
    created(client)
    assert len(client.v1.events.list(delivered).data) == 1
    assert len(client.v1.events.list({"delivery_success": False}).data) == 1

import pytest
from stripe import InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import charges_of, confirmed, created


def test_an_authorisation_holds_the_money_and_says_until_when(client: StripeClient) -> None:
    intent = confirmed(client, capture_method="manual")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 1000, 0)
    charge = charges_of(client, intent.id)[0].to_dict()
    assert (charge["captured"], charge["paid"], charge["status"]) == (False, True, "succeeded")
    assert charge["payment_method_details"]["card"]["capture_before"] == charge["created"] + 7 * 86_400


async def test_a_capture_takes_all_by_default(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, capture_method="manual")
    captured = client.v1.payment_intents.capture(intent.id)
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 1000, 0)
    types = [event["type"] for event in await control.events()]
    assert types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
        "charge.updated",
    ]


async def test_a_partial_capture_makes_no_refund(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, capture_method="manual")
    captured = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 600})
    assert (captured.amount, captured.amount_received) == (1000, 600)
    charge = charges_of(client, intent.id)[0]
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (600, 0, False)
    assert await control.count("refunds") == 0
    with pytest.raises(InvalidRequestError, match="greater than"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 601})
    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == 600


def test_no_more_than_what_is_held_can_be_captured(client: StripeClient) -> None:
    intent = confirmed(client, capture_method="manual")
    with pytest.raises(InvalidRequestError, match="greater than the capturable amount") as e:
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1001})
    assert e.value.param == "amount_to_capture"
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_only_an_authorisation_can_be_captured(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="could not be captured because it has a status of") as e:
        client.v1.payment_intents.capture(created(client).id)
    assert e.value.code == "payment_intent_unexpected_state"


async def test_cancelling_an_authorisation_leaves_no_refund_and_an_unchanged_charge(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, capture_method="manual")
    before = charges_of(client, intent.id)[0]
    client.v1.payment_intents.cancel(intent.id)
    after = charges_of(client, intent.id)[0]
    assert before.to_dict() == after.to_dict()
    assert await control.count("refunds") == 0
    assert await control.events("charge.refunded") == []


async def test_an_authorisation_expires_after_7_days(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, capture_method="manual")
    await control.advance(7 * 86_400 - 60)
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    await control.advance(120)
    expired = client.v1.payment_intents.retrieve(intent.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "expired")
    assert len(await control.events("charge.expired")) == 1
    assert len(await control.events("payment_intent.canceled")) == 1


async def test_a_captured_authorisation_does_not_expire(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, capture_method="manual")
    client.v1.payment_intents.capture(intent.id)
    await control.advance(8 * 86_400)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_the_card_option_asks_for_manual_capture_too(client: StripeClient) -> None:
    intent = confirmed(client, payment_method_options={"card": {"capture_method": "manual"}})
    assert intent.status == "requires_capture"

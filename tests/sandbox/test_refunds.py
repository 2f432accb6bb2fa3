from typing import Any

import pytest
from stripe import InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import charges_of, confirmed, created


def test_a_refund_without_an_amount_gives_all_that_is_left(client: StripeClient) -> None:
    intent = confirmed(client)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    rest = client.v1.refunds.create({"payment_intent": intent.id})
    assert (rest.amount, rest.status) == (700, "succeeded")
    charge = charges_of(client, intent.id)[0]
    assert (charge.amount_refunded, charge.refunded) == (1000, True)


def test_refunded_is_true_only_when_all_is_refunded(client: StripeClient) -> None:
    intent = confirmed(client)
    client.v1.refunds.create({"charge": str(intent.latest_charge), "amount": 999})
    charge = charges_of(client, intent.id)[0]
    assert (charge.amount_refunded, charge.refunded) == (999, False)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_no_more_than_what_is_left_can_be_refunded(client: StripeClient) -> None:
    intent = confirmed(client)
    with pytest.raises(InvalidRequestError, match="is greater than charge amount") as e:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1001})
    assert e.value.code is None
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 600})
    with pytest.raises(InvalidRequestError, match="is greater than unrefunded amount on charge"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 401})


def test_a_refunded_charge_cannot_be_refunded_again(client: StripeClient) -> None:
    intent = confirmed(client)
    client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(InvalidRequestError, match="has already been refunded") as e:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert e.value.code == "charge_already_refunded"


def test_a_payment_intent_without_a_success_cannot_be_refunded(client: StripeClient) -> None:
    intent = created(client)
    with pytest.raises(InvalidRequestError, match="does not have a successful charge to refund"):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_a_disputed_charge_cannot_be_refunded(client: StripeClient) -> None:
    intent = confirmed(client, "pm_card_createDispute")
    with pytest.raises(InvalidRequestError, match="has been charged back") as e:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert e.value.code == "charge_disputed"


def test_an_uncaptured_payment_is_cancelled_not_refunded(client: StripeClient) -> None:
    intent = confirmed(client, capture_method="manual")
    with pytest.raises(InvalidRequestError, match="Cancel the PaymentIntent instead"):
        client.v1.refunds.create({"payment_intent": intent.id})


async def test_a_pending_refund_succeeds_later(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, "pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason, refund.balance_transaction) == ("pending", "processing", None)
    await control.advance(61)
    settled = client.v1.refunds.retrieve(refund.id)
    assert settled.status == "succeeded"
    assert settled.balance_transaction is not None
    assert [event["type"] for event in await control.events() if "refund." in event["type"]] == [
        "refund.created",
        "refund.updated",
    ]


async def test_a_succeeded_refund_can_still_fail_and_the_money_can_be_refunded_again(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, "pm_card_refundFail")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    await control.advance(61)
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction is not None
    charge = charges_of(client, intent.id)[0]
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    (event,) = await control.events("refund.failed")
    assert event["data"]["object"]["object"] == "refund"


async def test_a_refund_emits_refund_created_and_charge_refunded(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 100, "metadata": {"a": "b"}})
    (created_event,) = await control.events("refund.created")
    (refunded_event,) = await control.events("charge.refunded")
    assert created_event["data"]["object"]["metadata"] == {"a": "b"}
    assert refunded_event["data"]["object"]["amount_refunded"] == 100
    assert refunded_event["data"]["previous_attributes"] == {"amount_refunded": 0}


async def test_the_dashboard_can_refund_without_a_request_of_ours(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client)
    refund = await control.dashboard_refund(intent.id, 250)
    assert (refund["amount"], refund["status"]) == (250, "succeeded")
    (event,) = await control.events("refund.created")
    assert event["request"]["id"] is None


def test_refunds_are_listed_by_payment_intent_and_by_charge(client: StripeClient) -> None:
    intent, other = confirmed(client), confirmed(client)
    mine = client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    client.v1.refunds.create({"payment_intent": other.id})
    assert [refund.id for refund in client.v1.refunds.list({"payment_intent": intent.id}).data] == [mine.id]
    assert [refund.id for refund in client.v1.refunds.list({"charge": str(intent.latest_charge)}).data] == [mine.id]
    assert len(client.v1.refunds.list().data) == 2


def test_a_refunds_metadata_can_be_updated(client: StripeClient) -> None:
    refund = client.v1.refunds.create({"payment_intent": confirmed(client).id, "metadata": {"a": "1", "b": "2"}})
    updated = client.v1.refunds.update(refund.id, {"metadata": {"a": "", "c": "3"}})
    assert updated.metadata is not None
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}


def test_a_card_refund_cannot_be_cancelled(client: StripeClient) -> None:
    refund = client.v1.refunds.create({"payment_intent": confirmed(client).id})
    with pytest.raises(InvalidRequestError, match="cannot be canceled"):
        client.v1.refunds.cancel(refund.id)


@pytest.mark.parametrize("params", [{"payment_intent": "pi_missing"}, {"charge": "ch_missing"}])
def test_a_refund_of_nothing_known_is_refused(client: StripeClient, params: Any) -> None:
    with pytest.raises(InvalidRequestError, match="No such") as e:
        client.v1.refunds.create(params)
    assert (e.value.http_status, e.value.code) == (400, "resource_missing")


def test_a_refund_names_what_it_refunds(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="payment_intent or charge"):
        client.v1.refunds.create({"amount": 100})

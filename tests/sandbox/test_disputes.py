import httpx
import pytest
from stripe import Dispute, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import charges_of, client_of, confirmed


def disputed(client: StripeClient) -> Dispute:
    intent = confirmed(client, "pm_card_createDispute")
    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    return dispute


async def test_a_dispute_withdraws_the_funds(client: StripeClient, control: SandboxClient) -> None:
    dispute = disputed(client)
    assert not dispute.is_charge_refundable
    assert [entry.amount for entry in dispute.balance_transactions] == [-1000]
    types = [event["type"] for event in await control.events() if "dispute" in event["type"]]
    assert types == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


async def test_closing_a_dispute_loses_it(client: StripeClient, control: SandboxClient) -> None:
    dispute = disputed(client)
    assert client.v1.disputes.close(dispute.id).status == "lost"
    assert len(await control.events("charge.dispute.closed")) == 1
    with pytest.raises(InvalidRequestError, match="already closed"):
        client.v1.disputes.close(dispute.id)


async def test_winning_evidence_reinstates_the_funds(client: StripeClient, control: SandboxClient) -> None:
    dispute = disputed(client)
    won = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    assert won.status == "won"
    assert sum(entry.amount for entry in won.balance_transactions) == 0
    assert len(await control.events("charge.dispute.funds_reinstated")) == 1
    assert client.v1.refunds.create({"charge": str(dispute.charge)}).status == "succeeded"


def test_evidence_can_be_staged_before_it_is_submitted(client: StripeClient) -> None:
    dispute = disputed(client)
    staged = client.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": "losing_evidence"}, "submit": False}
    )
    assert staged.status == "needs_response"
    submitted = client.v1.disputes.update(dispute.id, {"evidence": {"product_description": "Tea"}})
    assert submitted.status == "lost"
    with pytest.raises(InvalidRequestError, match="takes no more evidence"):
        client.v1.disputes.update(dispute.id, {"evidence": {"product_description": "Tea"}})


async def test_the_dashboard_submits_evidence_and_accepts(client: StripeClient, control: SandboxClient) -> None:
    won = await control.dashboard_submit_evidence(disputed(client).id, "winning_evidence")
    lost = await control.dashboard_close_dispute(disputed(client).id)
    assert (won["status"], lost["status"]) == ("won", "lost")
    assert [event["request"]["id"] for event in await control.events("charge.dispute.closed")] == [None, None]


def test_disputes_are_listed_by_charge(client: StripeClient) -> None:
    dispute = disputed(client)
    disputed(client)
    assert [entry.id for entry in client.v1.disputes.list({"charge": str(dispute.charge)}).data] == [dispute.id]
    assert client.v1.disputes.retrieve(dispute.id, {"expand": ["charge"]}).to_dict()["charge"]["disputed"]


async def test_a_part_of_a_charge_can_be_disputed_and_the_rest_not_refunded(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client)
    dispute = await control.open_dispute(intent.id, 300, reason="product_not_received")
    assert (dispute["amount"], dispute["reason"], dispute["status"]) == (300, "product_not_received", "needs_response")
    assert [entry["amount"] for entry in dispute["balance_transactions"]] == [-300]
    with pytest.raises(InvalidRequestError, match="charged back") as e:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert e.value.code == "charge_disputed"
    with pytest.raises(httpx.HTTPStatusError):
        await control.open_dispute(intent.id, 701)
    assert (await control.open_dispute(intent.id))["amount"] == 700


async def test_the_undisputed_rest_may_be_refundable(start: Start) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(partial_dispute_leaves_rest_refundable=True)))
    client = client_of(url)
    intent = confirmed(client)
    async with SandboxClient(url) as control:
        await control.open_dispute(intent.id, 300)
    with pytest.raises(InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 701})
    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == 700
    with pytest.raises(InvalidRequestError, match="charged back"):
        client.v1.refunds.create({"payment_intent": intent.id})


async def test_an_inquiry_moves_no_money_and_leaves_the_charge_refundable(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, "pm_card_createDisputeInquiry")
    (inquiry,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (inquiry.status, inquiry.is_charge_refundable) == ("warning_needs_response", True)
    assert inquiry.balance_transactions == []
    assert client.v1.refunds.create({"payment_intent": intent.id, "amount": 100}).status == "succeeded"
    answered = client.v1.disputes.update(inquiry.id, {"evidence": {"product_description": "Tea"}})
    assert answered.status == "warning_under_review"
    assert client.v1.disputes.close(inquiry.id).status == "warning_closed"
    types = [event["type"] for event in await control.events() if "dispute" in event["type"]]
    assert types == ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"]


async def test_an_inquiry_can_become_a_chargeback(client: StripeClient, control: SandboxClient) -> None:
    inquiry = await control.open_dispute(confirmed(client).id, is_inquiry=True)
    escalated = await control.escalate_inquiry(inquiry["id"])
    assert (escalated["status"], escalated["is_charge_refundable"]) == ("needs_response", False)
    assert [entry["amount"] for entry in escalated["balance_transactions"]] == [-1000]
    with pytest.raises(httpx.HTTPStatusError):
        await control.escalate_inquiry(inquiry["id"])


async def test_an_early_fraud_warning_follows_and_a_full_refund_answers_it(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, "pm_card_createIssuerFraudRecord")
    (warning,) = await control.objects("radar.early_fraud_warnings")
    assert (warning["actionable"], warning["charge"]) == (True, intent.latest_charge)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert await control.events("radar.early_fraud_warning.updated") == []
    client.v1.refunds.create({"payment_intent": intent.id})
    (updated,) = await control.events("radar.early_fraud_warning.updated")
    assert updated["data"]["object"]["actionable"] is False


async def test_a_dispute_ends_what_can_be_done_about_a_warning(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, "pm_card_createIssuerFraudRecord")
    await control.open_dispute(intent.id)
    (warning,) = await control.objects("radar.early_fraud_warnings")
    assert warning["actionable"] is False


def test_goods_that_were_not_received_are_a_reason(client: StripeClient) -> None:
    intent = confirmed(client, "pm_card_createDisputeProductNotReceived")
    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.reason, dispute.status) == ("product_not_received", "needs_response")


def test_an_elevated_risk_is_on_the_charge(client: StripeClient) -> None:
    for name, level in (("pm_card_riskLevelElevated", "elevated"), ("pm_card_visa", "normal")):
        outcome = charges_of(client, confirmed(client, name).id)[0].outcome
        assert outcome is not None
        assert outcome.risk_level == level

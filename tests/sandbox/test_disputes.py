import pytest
from stripe import Dispute, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import confirmed


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

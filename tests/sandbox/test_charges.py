import pytest
import stripe
from stripe import CardError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.running import charges_of, confirmed, created


def test_a_successful_charge_is_authorized_and_captured(client: StripeClient) -> None:
    charge = client.v1.charges.retrieve(str(confirmed(client).latest_charge))
    assert (charge.status, charge.paid, charge.captured, charge.amount_captured) == ("succeeded", True, True, 1000)
    assert charge.outcome is not None
    assert (charge.outcome.type, charge.outcome.network_status) == ("authorized", "approved_by_network")
    assert charge.failure_code is None


def test_a_failed_charge_says_why(client: StripeClient) -> None:
    with pytest.raises(CardError):
        confirmed(client, "pm_card_chargeDeclinedInsufficientFunds")
    (charge,) = client.v1.charges.list().data
    assert (charge.status, charge.failure_code) == ("failed", "card_declined")
    assert charge.failure_message == "Your card has insufficient funds."
    assert charge.outcome is not None
    assert (charge.outcome.network_status, charge.outcome.reason) == ("declined_by_network", "insufficient_funds")
    assert charge.balance_transaction is None


def test_a_charge_shows_its_card_without_the_number(client: StripeClient) -> None:
    charge = client.v1.charges.retrieve(str(confirmed(client, "pm_card_mastercard").latest_charge)).to_dict()
    card = charge["payment_method_details"]["card"]
    assert (card["brand"], card["last4"], card["network"]) == ("mastercard", "4444", "mastercard")
    assert "number" not in card


def test_charges_are_listed_newest_first_by_payment_intent(client: StripeClient) -> None:
    mine, other = confirmed(client), confirmed(client)
    assert [charge.id for charge in charges_of(client, mine.id)] == [mine.latest_charge]
    assert [charge.id for charge in client.v1.charges.list().data] == [other.latest_charge, mine.latest_charge]


async def test_a_changed_charge_emits_charge_updated_and_leaves_the_payment_intent(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, metadata={"cart": "c1"})
    client.v1.charges.update(str(intent.latest_charge), {"metadata": {"cart": "c2"}, "description": "Tea"})
    event = (await control.events("charge.updated"))[-1]
    assert event["data"]["previous_attributes"] == {"metadata": {"cart": "c1"}, "description": None}
    assert client.v1.payment_intents.retrieve(intent.id).metadata["cart"] == "c1"


def test_a_balance_transaction_tells_what_moved(client: StripeClient) -> None:
    intent = confirmed(client, expand=["latest_charge.balance_transaction"])
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    entries = client.v1.balance_transactions.list().data
    assert [(entry.type, entry.net) for entry in entries] == [("refund", -300), ("charge", 1000)]
    assert client.v1.balance_transactions.retrieve(str(refund.balance_transaction)).source == refund.id


async def test_another_payment_method_needs_another_confirm(client: StripeClient, control: SandboxClient) -> None:
    intent = confirmed(client, "pm_card_authenticationRequired")
    changed = client.v1.payment_intents.update(intent.id, {"payment_method": "pm_card_visa"})
    assert (changed.status, changed.next_action) == ("requires_confirmation", None)
    assert client.v1.payment_intents.confirm(intent.id).status == "succeeded"


def test_an_own_payment_method_stays_itself(client: StripeClient) -> None:
    made = client.v1.payment_methods.create(
        {"type": "card", "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2040}}
    )
    intent = created(client, payment_method=made.id)
    assert intent.payment_method == made.id
    found = client.v1.payment_intents.retrieve(intent.id, {"expand": ["payment_method"]})
    assert isinstance(found.payment_method, stripe.PaymentMethod)

"""Bank transfers: in part, in full, too much, and by reference."""

from stripe import StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.other_methods import action, customer, status, waiting


async def test_a_transfer_pays_in_part_and_then_leaves_the_rest_to_the_customer(
    client: StripeClient, control: SandboxClient
) -> None:
    payer = customer(client)
    intent = waiting(client, "customer_balance", customer=payer)
    helper = client.v1.test_helpers.customers
    helper.fund_cash_balance(payer, {"amount": 400, "currency": "eur"})
    part = client.v1.payment_intents.retrieve(intent.id)
    assert (part.status, action(part)["amount_remaining"]) == ("requires_action", 600)
    (event,) = await control.events("payment_intent.partially_funded")
    assert event["data"]["object"]["next_action"]["display_bank_transfer_instructions"]["amount_remaining"] == 600
    helper.fund_cash_balance(payer, {"amount": 850, "currency": "eur"})
    assert status(client, intent) == "succeeded"
    balance = client.v1.customers.cash_balance.retrieve(payer)
    assert balance.available is not None
    assert balance.available["eur"] == 250
    moves = client.v1.customers.cash_balance_transactions.list(payer).data
    assert [(move.type, move.net_amount, move.ending_balance) for move in moves] == [
        ("applied_to_payment", -600, 250),
        ("funded", 850, 850),
        ("applied_to_payment", -400, 0),
        ("funded", 400, 400),
    ]
    assert len(await control.events("cash_balance.funds_available")) == 1
    assert waiting(client, "customer_balance", customer=payer, amount=250).status == "succeeded"


def test_a_transfer_pays_what_its_reference_names_then_what_has_its_amount(client: StripeClient) -> None:
    payer = customer(client)
    oldest, same_amount, named = (
        waiting(client, "customer_balance", customer=payer, amount=amount) for amount in (900, 700, 700)
    )
    helper, reference = client.v1.test_helpers.customers, action(named)["reference"]
    helper.fund_cash_balance(payer, {"amount": 700, "currency": "eur", "reference": reference})
    assert (status(client, named), status(client, same_amount)) == ("succeeded", "requires_action")
    helper.fund_cash_balance(payer, {"amount": 700, "currency": "eur"})
    assert (status(client, same_amount), status(client, oldest)) == ("succeeded", "requires_action")


def test_a_cancelled_payment_gives_a_partial_transfer_back(client: StripeClient) -> None:
    payer = customer(client)
    intent = waiting(client, "customer_balance", customer=payer)
    client.v1.test_helpers.customers.fund_cash_balance(payer, {"amount": 400, "currency": "eur"})
    client.v1.payment_intents.cancel(intent.id)
    balance = client.v1.customers.cash_balance.retrieve(payer)
    assert balance.available is not None
    assert balance.available["eur"] == 400

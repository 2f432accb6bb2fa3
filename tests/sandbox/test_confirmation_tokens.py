"""ConfirmationTokens carry the shopper's choice to the server's confirm, once."""

from typing import Any

import pytest
from stripe import APIError, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.other_methods import DATA, SHOP
from tests.sandbox.running import PUBLISHABLE_KEY, created, http

CARD = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}}
HOME = {"name": "Ada", "address": {"line1": "1 Main Street"}}


def token(client: StripeClient, **params: Any) -> Any:
    wanted: Any = {"payment_method_data": CARD, "return_url": SHOP, **params}
    return client.v1.test_helpers.confirmation_tokens.create(wanted)


async def test_a_token_carries_what_the_shopper_chose(client: StripeClient, control: SandboxClient) -> None:
    made = token(client, shipping=HOME, setup_future_usage="off_session")
    assert made.expires_at - made.created == 12 * 3600
    assert made.payment_method_preview.card.last4 == "4242"
    assert await control.count("payment_methods") == 0
    payer = client.v1.customers.create({}).id
    intent = created(client, customer=payer)
    paid = client.v1.payment_intents.confirm(intent.id, {"confirmation_token": made.id})
    assert paid.shipping is not None
    assert (paid.status, paid.setup_future_usage, paid.shipping.name) == ("succeeded", "off_session", "Ada")
    assert client.v1.payment_methods.retrieve(str(paid.payment_method)).customer == payer
    assert client.v1.confirmation_tokens.retrieve(made.id).payment_intent == intent.id


def test_a_token_confirms_once(client: StripeClient) -> None:
    made = token(client, payment_method_data=None, payment_method="pm_card_visa")
    params: Any = {"amount": 1000, "currency": "eur", "confirm": True, "confirmation_token": made.id}
    assert client.v1.payment_intents.create(params).status == "succeeded"
    with pytest.raises(InvalidRequestError, match="already used") as e:
        client.v1.payment_intents.create(params)
    assert e.value.param == "confirmation_token"


async def test_a_token_lives_twelve_hours(client: StripeClient, control: SandboxClient) -> None:
    made = token(client)
    intent = created(client)
    await control.advance(12 * 3600)
    with pytest.raises(InvalidRequestError, match="expired"):
        client.v1.payment_intents.confirm(intent.id, {"confirmation_token": made.id})


def test_what_the_confirm_says_itself_goes_first(client: StripeClient) -> None:
    made = token(client, setup_future_usage="off_session")
    params: Any = {"confirmation_token": made.id, "payment_method": "pm_card_mastercard", "expand": ["payment_method"]}
    paid: Any = client.v1.payment_intents.confirm(created(client).id, params)
    assert paid.payment_method.card.brand == "mastercard"
    assert paid.setup_future_usage == "off_session"


def test_a_token_leaves_3ds_to_the_page(client: StripeClient) -> None:
    made = token(client, payment_method_data=None, payment_method="pm_card_authenticationRequired")
    waits = client.v1.payment_intents.confirm(created(client).id, {"confirmation_token": made.id})
    assert waits.next_action is not None
    assert waits.next_action.type == "use_stripe_sdk"


def test_a_token_of_the_page_brings_the_mandate_of_a_debit(client: StripeClient, url: str) -> None:
    form = {
        "key": PUBLISHABLE_KEY,
        "payment_method_data[type]": "sepa_debit",
        "payment_method_data[sepa_debit][iban]": DATA["sepa_debit"]["sepa_debit"]["iban"],
        "payment_method_data[billing_details][name]": "Ada",
        "payment_method_data[billing_details][email]": "ada@example.com",
        "return_url": SHOP,
    }
    made = http.post(f"{url}/v1/confirmation_tokens", data=form).raise_for_status().json()
    assert made["mandate_data"]["customer_acceptance"]["type"] == "online"
    intent = created(client, allowed_payment_method_types=["sepa_debit"])
    paid = client.v1.payment_intents.confirm(intent.id, {"confirmation_token": made["id"]})
    assert paid.status == "processing"


def test_a_server_makes_tokens_by_the_test_helper_only(client: StripeClient) -> None:
    with pytest.raises(APIError) as e:
        client.raw_request("post", "/v1/confirmation_tokens", payment_method="pm_card_visa")
    assert e.value.http_status == 501


def test_a_create_without_a_confirm_takes_no_token(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="without `confirm`"):
        created(client, confirmation_token=token(client).id)

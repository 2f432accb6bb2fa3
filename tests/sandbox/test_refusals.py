"""What Stripe refuses about customers, payment methods, shipping and descriptors."""

from typing import Any

import pytest
import stripe
from stripe import CardError, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import Lenient, SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import PUBLISHABLE_KEY, SECRET_KEY, client_of, confirmed, created, http

LENIENT = Lenient(empty_strings=frozenset({"customer"}), customer_changes=True)
ADDRESS = {"line1": "1 Main Street", "city": "Berlin", "country": "DE"}
CARD: Any = {"type": "card", "card": {"token": "tok_visa"}}


def with_(start: Start, **switches: Any) -> StripeClient:
    return client_of(start(SandboxConfig(unconfirmed=Unconfirmed(**switches))))


def customer(client: StripeClient) -> str:
    return client.v1.customers.create().id


# The customer of a PaymentIntent.


def test_a_customer_once_set_is_never_changed(client: StripeClient) -> None:
    guest, ada = customer(client), customer(client)
    intent = created(client)
    assert client.v1.payment_intents.update(intent.id, {"customer": guest}).customer == guest
    with pytest.raises(InvalidRequestError, match="cannot modify `customer`") as e:
        client.v1.payment_intents.update(intent.id, {"customer": ada, "amount": 2000})
    assert e.value.code == "payment_intent_unexpected_state"
    unchanged = client.v1.payment_intents.retrieve(intent.id)
    assert (unchanged.customer, unchanged.amount) == (guest, 1000)


@pytest.mark.parametrize("policy", ["accept", "refuse"])
def test_the_same_customer_may_be_refused_too(start: Start, policy: str) -> None:
    client = with_(start, same_customer_again=policy)
    mine = customer(client)
    intent = created(client, customer=mine)
    if policy == "accept":
        assert client.v1.payment_intents.update(intent.id, {"customer": mine}).customer == mine
        return
    with pytest.raises(InvalidRequestError, match="cannot modify `customer`"):
        client.v1.payment_intents.update(intent.id, {"customer": mine})


def test_a_lenient_sandbox_lets_the_customer_change(start: Start) -> None:
    client = client_of(start(SandboxConfig(lenient=LENIENT)))
    intent = created(client, customer=customer(client))
    ada = customer(client)
    assert client.v1.payment_intents.update(intent.id, {"customer": ada}).customer == ada
    emptied: Any = {"customer": ""}
    assert client.v1.payment_intents.update(intent.id, emptied).customer is None


@pytest.mark.parametrize("param", ["customer", "description", "statement_descriptor_suffix", "payment_method"])
def test_an_empty_string_is_no_value(client: StripeClient, param: str) -> None:
    emptied: Any = {param: ""}
    with pytest.raises(InvalidRequestError, match="cannot be unset") as e:
        client.v1.payment_intents.update(created(client).id, emptied)
    assert (e.value.code, e.value.param) == ("parameter_invalid_empty", param)


@pytest.mark.parametrize("param", ["receipt_email", "setup_future_usage", "shipping"])
def test_an_empty_string_unsets_where_stripe_says_so(client: StripeClient, param: str) -> None:
    values = {
        "receipt_email": "a@b.example",
        "setup_future_usage": "off_session",
        "shipping": {"name": "Ada", "address": ADDRESS},
    }
    intent = created(client, **{param: values[param]})
    emptied: Any = {param: ""}
    assert client.v1.payment_intents.update(intent.id, emptied)[param] is None


@pytest.mark.parametrize(
    ("policy", "amount", "metadata"), [("all", True, True), ("metadata", False, True), ("none", False, False)]
)
def test_what_can_be_updated_during_3ds_is_a_switch(start: Start, policy: str, amount: bool, metadata: bool) -> None:
    client = with_(start, updates_during_action=policy)
    intent = confirmed(client, "pm_card_authenticationRequired")
    changes: list[tuple[Any, bool]] = [({"metadata": {"a": "b"}}, metadata), ({"amount": 2000}, amount)]
    for params, is_allowed in changes:
        if is_allowed:
            client.v1.payment_intents.update(intent.id, params)
            continue
        with pytest.raises(InvalidRequestError, match="status of requires_action") as e:
            client.v1.payment_intents.update(intent.id, params)
        assert e.value.code == "payment_intent_unexpected_state"


# Payment methods.


def test_a_card_of_one_customer_pays_for_nobody_else(client: StripeClient) -> None:
    mine, other = customer(client), customer(client)
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": mine}).id
    for wrong in ({}, {"customer": other}):
        with pytest.raises(InvalidRequestError, match=f"belongs to the Customer {mine}"):
            confirmed(client, method, **wrong)
        with pytest.raises(InvalidRequestError, match="belongs to the Customer"):
            client.v1.payment_intents.confirm(created(client, **wrong).id, {"payment_method": method})
    for _ in range(2):
        assert confirmed(client, method, customer=mine).status == "succeeded"


def test_an_unattached_card_pays_once(client: StripeClient) -> None:
    method = client.v1.payment_methods.create(CARD).id
    assert confirmed(client, method, customer=customer(client)).status == "succeeded"
    assert client.v1.payment_methods.retrieve(method).customer is None
    with pytest.raises(InvalidRequestError, match="may not be used again"):
        confirmed(client, method)
    with pytest.raises(InvalidRequestError, match="may not be used again"):
        client.v1.payment_methods.attach(method, {"customer": customer(client)})


def test_a_detached_card_pays_no_more(client: StripeClient) -> None:
    mine = customer(client)
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": mine}).id
    client.v1.payment_methods.detach(method)
    with pytest.raises(InvalidRequestError, match="may not be used again"):
        confirmed(client, method, customer=mine)


def test_a_declined_card_can_be_tried_again(client: StripeClient) -> None:
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_chargeDeclined"}}).id
    for _ in range(2):
        with pytest.raises(CardError, match="declined"):
            confirmed(client, method)


@pytest.mark.parametrize(
    "usage",
    [{"setup_future_usage": "off_session"}, {"payment_method_options": {"card": {"setup_future_usage": "on_session"}}}],
)
async def test_setup_future_usage_attaches_the_card(
    client: StripeClient, control: SandboxClient, usage: dict[str, Any]
) -> None:
    mine = customer(client)
    intent = confirmed(client, "pm_card_visa", customer=mine, **usage)
    assert client.v1.payment_methods.retrieve(str(intent.payment_method)).customer == mine
    assert len(await control.events("payment_method.attached")) == 1
    assert confirmed(client, str(intent.payment_method), customer=mine).status == "succeeded"


def test_the_common_tokens_are_cards(client: StripeClient) -> None:
    made = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})
    assert made.card is not None
    assert (made.card.brand, made.card.last4) == ("mastercard", "4444")
    assert confirmed(client, made.id).status == "succeeded"
    data: Any = {"payment_method_data": CARD, "return_url": "https://shop.example/"}
    assert client.v1.payment_intents.confirm(created(client).id, data).status == "succeeded"
    with pytest.raises(InvalidRequestError, match="No such token: 'tok_nonsense'") as e:
        client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_nonsense"}})
    assert (e.value.code, e.value.param) == ("resource_missing", "card[token]")


def test_a_card_without_its_number_is_incomplete(client: StripeClient) -> None:
    incomplete: Any = {"type": "card", "card": {"exp_month": 1, "exp_year": 2040}}
    with pytest.raises(InvalidRequestError, match="Missing required param") as e:
        client.v1.payment_methods.create(incomplete)
    assert (e.value.code, e.value.param) == ("parameter_missing", "card[number]")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("payment_methods", "type=affirm", "type"),
        (
            "payment_intents",
            "amount=1000&currency=eur&allowed_payment_method_types[]=affirm",
            "allowed_payment_method_types[0]",
        ),
        (
            "payment_intents",
            "amount=1000&currency=eur&payment_method_data[type]=paypal",
            "payment_method_data[type]",
        ),
        ("webhook_endpoints", "url=https://a.example&enabled_events[]=*&api_version=2020-08-27", "api_version"),
    ],
    ids=["payment method", "allowed types", "payment method data", "API version"],
)
def test_what_the_sandbox_does_not_do_is_501(url: str, path: str, body: str, param: str) -> None:
    headers = {"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = http.post(f"{url}/v1/{path}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (501, param)


def test_a_type_that_stripe_does_not_know_is_400(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="must be one of") as e:
        created(client, allowed_payment_method_types=["card", "nonsense"])
    assert e.value.param == "allowed_payment_method_types[1]"


@pytest.mark.parametrize("policy", ["accept", "refuse"])
async def test_a_processing_bank_debit_may_be_cancelled(start: Start, policy: str) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(processing_cancel="accept" if policy == "accept" else "refuse")))
    client = client_of(url)
    intent = confirmed(client, "pm_usBankAccount_success", currency="usd")
    if policy == "refuse":
        with pytest.raises(InvalidRequestError, match="status of processing"):
            client.v1.payment_intents.cancel(intent.id)
        return
    assert client.v1.payment_intents.cancel(intent.id).status == "canceled"
    async with SandboxClient(url) as control:
        await control.advance(86_400)
        assert await control.events("payment_intent.succeeded") == []
    assert client.v1.charges.retrieve(str(intent.latest_charge)).status == "failed"


# Shipping and descriptors.


def _confirm_in_the_browser(client: StripeClient, url: str, intent: stripe.PaymentIntent, name: str) -> Any:
    form = {
        "key": PUBLISHABLE_KEY,
        "client_secret": intent.client_secret,
        "expected_payment_method_type": "card",
        "payment_method": "pm_card_visa",
        "shipping[name]": name,
        **{f"shipping[address][{key}]": value for key, value in ADDRESS.items()},
    }
    return http.post(f"{url}/v1/payment_intents/{intent.id}/confirm", data=form).json()


def test_a_browser_does_not_change_the_shipping_of_the_server(client: StripeClient, url: str) -> None:
    shipping = {"name": "Ada", "address": ADDRESS}
    intent = created(client, shipping=shipping)
    refused = _confirm_in_the_browser(client, url, intent, "Eve")
    assert "last set with a secret key" in refused["error"]["message"]
    assert refused["error"]["param"] == "shipping"
    assert _confirm_in_the_browser(client, url, intent, "Ada")["status"] == "succeeded"


def test_a_browser_sets_the_shipping_that_the_server_left_open(client: StripeClient, url: str) -> None:
    unset: Any = {"shipping": ""}
    intent = client.v1.payment_intents.update(created(client, shipping={"name": "Ada", "address": ADDRESS}).id, unset)
    assert _confirm_in_the_browser(client, url, intent, "Eve")["shipping"]["name"] == "Eve"


def test_a_card_payment_has_no_whole_statement_descriptor(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="not supported for the payment_method_type `card`") as e:
        created(client, statement_descriptor="TEA SHOP")
    assert e.value.param == "statement_descriptor"
    debit = created(
        client, currency="usd", allowed_payment_method_types=["us_bank_account"], statement_descriptor="TEA"
    )
    assert debit.statement_descriptor == "TEA"


@pytest.mark.parametrize("suffix", ["123", "A<B", "A>B", "A\\B", "A'B", 'A"B', "A*B", "x" * 23])
def test_a_suffix_needs_a_letter_and_few_signs(client: StripeClient, suffix: str) -> None:
    with pytest.raises(InvalidRequestError) as e:
        created(client, statement_descriptor_suffix=suffix)
    assert e.value.param == "statement_descriptor_suffix"
    assert created(client, statement_descriptor_suffix="ORDER 7").statement_descriptor_suffix == "ORDER 7"


def test_charges_are_listed_by_transfer_group(client: StripeClient) -> None:
    mine = confirmed(client, transfer_group="order-7")
    confirmed(client)
    assert [charge.payment_intent for charge in client.v1.charges.list({"transfer_group": "order-7"}).data] == [mine.id]

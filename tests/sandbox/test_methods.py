"""The other payment methods: what each waits for, and what becomes of it."""

from typing import Any

import httpx
import pytest
from stripe import APIError, InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.other_methods import (
    DATA,
    SHOP,
    action,
    choose,
    customer,
    status,
    waiting,
    with_iban,
)
from tests.sandbox.running import MANDATE, charges_of, client_of, confirmed, created, http

ACTIONS = {
    "boleto": "boleto_display_details",
    "customer_balance": "display_bank_transfer_instructions",
    "ideal": "redirect_to_url",
    "klarna": "redirect_to_url",
    "multibanco": "multibanco_display_details",
    "us_bank_account": "verify_with_microdeposits",
}
EVERY = ("card", "us_bank_account", "ideal", "klarna", "sepa_debit", "boleto", "multibanco", "customer_balance")


async def types(control: SandboxClient) -> list[str]:
    return [event["type"] for event in await control.events()]


@pytest.mark.parametrize(("kind", "expected"), ACTIONS.items())
async def test_a_confirm_waits_for_what_the_type_needs_and_then_succeeds(
    client: StripeClient, control: SandboxClient, kind: str, expected: str
) -> None:
    intent = waiting(client, kind)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == expected
    assert charges_of(client, intent.id) == []
    await control.finish(intent.id)
    if kind == "us_bank_account":
        assert status(client, intent) == "processing"
        await control.finish(intent.id)
    paid = client.v1.payment_intents.retrieve(intent.id)
    assert (paid.status, paid.amount_received, paid.next_action) == ("succeeded", 1000, None)
    (charge,) = charges_of(client, intent.id)
    assert charge.payment_method_details is not None
    assert (charge.payment_method_details.type, charge.id[:3], charge.paid) == (kind, "py_", True)
    assert {"payment_intent.requires_action", "charge.succeeded", "payment_intent.succeeded"} <= set(
        await types(control)
    )
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await control.finish(intent.id)


async def test_a_failed_redirect_can_be_tried_with_another_method(client: StripeClient, control: SandboxClient) -> None:
    intent = waiting(client, "ideal", allowed_payment_method_types=["ideal", "card"])
    await control.finish(intent.id, "fail")
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error is not None
    assert (failed.status, failed.last_payment_error.code) == (
        "requires_payment_method",
        "payment_intent_authentication_failure",
    )
    assert len(await control.events("payment_intent.payment_failed")) == 1
    assert client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status == "succeeded"


def test_a_person_closes_the_page_of_a_redirect_and_comes_back(client: StripeClient) -> None:
    intent = waiting(client, "klarna")
    page = action(intent)["url"]
    assert "Authorize test payment" in http.get(page).text
    assert choose(page, "close").status_code == 200
    assert status(client, intent) == "requires_action"
    back = choose(page, "succeed").headers["location"]
    assert back.startswith(f"{SHOP}?payment_intent={intent.id}&")
    assert back.endswith("redirect_status=succeeded")
    assert status(client, intent) == "succeeded"
    assert choose(page, "fail").status_code == 404


def test_the_page_of_an_earlier_attempt_is_over(client: StripeClient) -> None:
    intent = waiting(client, "ideal")
    again = client.v1.payment_intents.confirm(intent.id, {"return_url": SHOP})
    assert http.get(action(intent)["url"]).status_code == 404
    assert http.get(action(again)["url"]).status_code == 200


@pytest.mark.parametrize(
    ("currency", "with_customer", "expected"),
    [
        ("eur", True, ["card", "ideal", "klarna", "sepa_debit", "multibanco", "customer_balance"]),
        ("eur", False, ["card", "ideal", "klarna", "sepa_debit", "multibanco"]),
        ("usd", True, ["card", "us_bank_account", "klarna", "customer_balance"]),
        ("brl", False, ["card", "boleto"]),
        ("jpy", True, ["card"]),
    ],
)
def test_automatic_methods_are_those_that_are_enabled_and_fit(
    start: Start, currency: str, with_customer: bool, expected: list[str]
) -> None:
    client = client_of(start(SandboxConfig(enabled_methods=EVERY)))
    more: Any = {"customer": customer(client)} if with_customer else {}
    intent = created(client, currency=currency, **more)
    assert intent.payment_method_types == expected
    no_redirects: Any = {"enabled": True, "allow_redirects": "never"}
    still = created(client, currency=currency, automatic_payment_methods=no_redirects, **more)
    assert still.payment_method_types == [kind for kind in expected if kind not in {"ideal", "klarna"}]
    held = created(client, currency=currency, capture_method="manual", **more)
    assert held.payment_method_types == [kind for kind in expected if kind in {"card", "klarna"}]


def test_only_cards_and_bank_accounts_are_enabled_by_themselves(client: StripeClient) -> None:
    assert created(client, customer=customer(client)).payment_method_types == ["card"]
    assert created(client, currency="usd").payment_method_types == ["card", "us_bank_account"]


def test_a_type_that_does_not_exist_cannot_be_enabled() -> None:
    with pytest.raises(ValueError, match="no payment methods of the type bitcoin"):
        SandboxConfig(enabled_methods=("card", "bitcoin"))


LACKS: list[tuple[str, dict[str, Any], str | None]] = [
    ("ideal", {"return_url": None}, "return_url"),
    ("sepa_debit", {"mandate_data": None}, "mandate_data"),
    ("us_bank_account", {"mandate_data": None}, "mandate_data"),
    ("klarna", {"payment_method_data": {"type": "klarna"}}, "billing_details[email]"),
    ("boleto", {"payment_method_data": {"type": "boleto"}}, "payment_method_data[boleto][tax_id]"),
    (
        "boleto",
        {"payment_method_data": {**DATA["boleto"], "boleto": {"tax_id": "123.456.789-00"}}},
        "payment_method_data[boleto][tax_id]",
    ),
    ("multibanco", {"payment_method_data": {"type": "multibanco"}}, "billing_details[email]"),
    (
        "sepa_debit",
        {"payment_method_data": with_iban("AT611904300234573202")},
        "payment_method_data[sepa_debit][iban]",
    ),
    ("customer_balance", {"payment_method_options": None}, "payment_method_options[customer_balance][funding_type]"),
]


@pytest.mark.parametrize(("kind", "changes", "param"), LACKS)
def test_a_confirm_that_lacks_something_is_refused_by_name(
    client: StripeClient, kind: str, changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError) as e:
        waiting(client, kind, **changes)
    assert e.value.param == param


NOT_HERE: list[tuple[str, dict[str, Any]]] = [
    ("sepa_debit", {"payment_method_data": with_iban("FR1420041010050500013M02606")}),
    ("klarna", {"capture_method": "manual"}),
    ("ideal", {"setup_future_usage": "off_session"}),
    ("ideal", {"off_session": True}),
]


@pytest.mark.parametrize(("kind", "changes"), NOT_HERE)
def test_what_is_not_known_about_a_type_is_501(client: StripeClient, kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(APIError) as e:
        waiting(client, kind, **changes)
    assert e.value.http_status == 501


async def test_a_browser_confirms_with_data_and_needs_no_mandate_data(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = created(client, allowed_payment_method_types=["sepa_debit", "ideal"])
    redirected = await control.confirm(intent.id, DATA["ideal"], return_url=SHOP)
    assert redirected.status == "requires_action"
    assert (await control.confirm(intent.id, DATA["sepa_debit"])).status == "processing"


@pytest.mark.parametrize("begins", ["pending", "succeeded"])
async def test_a_refund_to_a_bank_may_take_its_time(start: Start, begins: Any) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(refunds_of_other_methods=begins)))
    client = client_of(url)
    async with SandboxClient(url) as control:
        intent = waiting(client, "ideal")
        await control.finish(intent.id)
        refund = client.v1.refunds.create({"payment_intent": intent.id})
        assert (refund.status, refund.id[:4]) == (begins, "pyr_")
        await control.advance(61)
        assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
        kinds = [entry["type"] for entry in await control.objects("balance_transactions")]
    assert sorted(kinds) == ["payment", "payment_refund"]


@pytest.mark.parametrize("wallet", ["apple_pay", "google_pay", "link"])
async def test_a_wallet_stands_on_the_card_and_on_its_charge(
    client: StripeClient, control: SandboxClient, wallet: Any
) -> None:
    intent = confirmed(client, await control.wallet_method(wallet))
    (charge,) = charges_of(client, intent.id)
    details: Any = charge.to_dict()["payment_method_details"]
    assert (intent.status, details["card"]["wallet"]["type"]) == ("succeeded", wallet)
    assert details["card"]["wallet"][wallet] == {}


async def test_sepa_accounts_are_saved_and_others_are_not(client: StripeClient) -> None:
    payer = customer(client)
    intent = waiting(client, "sepa_debit", customer=payer, setup_future_usage="off_session")
    (saved,) = client.v1.payment_methods.list({"customer": payer}).data
    assert saved.id == intent.payment_method
    ideal = client.v1.payment_methods.create(DATA["ideal"])
    with pytest.raises(APIError) as e:
        client.v1.payment_methods.attach(ideal.id, {"customer": payer})
    assert e.value.http_status == 501


def test_mandates_of_cards_are_not_known_here(client: StripeClient) -> None:
    with pytest.raises(APIError) as e:
        confirmed(client, mandate_data=MANDATE)
    assert e.value.http_status == 501

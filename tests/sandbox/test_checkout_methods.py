"""Checkout Sessions that are paid by other types of payment methods than cards."""

from typing import Any

import httpx
import pytest
from stripe import StripeClient
from stripe.checkout import Session

from sandbox.client import SandboxClient
from tests.sandbox.other_methods import CURRENCIES, DATA, NEEDS, customer, with_iban
from tests.sandbox.running import PUBLISHABLE_KEY, TEA, charges_of, http, opened

ACCEPTED = {"mandate_data[customer_acceptance][type]": "online"}


def opened_for(client: StripeClient, kind: str, **params: Any) -> Session:
    """Open a session that a card or this type can pay."""
    tea = {**TEA, "price_data": {**TEA["price_data"], "currency": CURRENCIES.get(kind, "eur")}}
    wanted = {"line_items": [tea], "allowed_payment_method_types": ["card", kind], **params}
    if kind == "customer_balance":
        wanted = {"customer": customer(client), **NEEDS[kind], **wanted}
    return opened(client, "elements", **wanted)


async def paid_by(client: StripeClient, control: SandboxClient, session: Session, data: Any) -> dict[str, Any]:
    return await control.pay_session(session.id, client.v1.payment_methods.create(data).id)


@pytest.mark.parametrize(
    ("kind", "outcome", "payment_status"),
    [
        ("boleto", "succeed", "paid"),
        ("boleto", "expire", "unpaid"),
        ("multibanco", "succeed", "paid"),
        ("multibanco", "expire", "unpaid"),
        ("customer_balance", "succeed", "paid"),
        ("us_bank_account", "fail", "unpaid"),
    ],
)
async def test_a_session_whose_shopper_has_the_instructions_is_complete_and_its_money_comes_later(
    client: StripeClient, control: SandboxClient, kind: str, outcome: Any, payment_status: str
) -> None:
    session = await paid_by(client, control, opened_for(client, kind), DATA[kind])
    assert (session["status"], session["payment_status"]) == ("complete", "unpaid")
    assert client.v1.payment_intents.retrieve(session["payment_intent"]).status == "requires_action"
    (completed,) = await control.events("checkout.session.completed")
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    await control.finish(session["payment_intent"], outcome)
    assert client.v1.checkout.sessions.retrieve(session["id"]).payment_status == payment_status
    told = [event["type"] for event in await control.events() if event["type"].startswith("checkout.")]
    later = "succeeded" if payment_status == "paid" else "failed"
    assert told == ["checkout.session.completed", f"checkout.session.async_payment_{later}"]


@pytest.mark.parametrize("kind", ["ideal", "klarna"])
async def test_a_redirect_leaves_the_session_open_until_it_is_authorised(
    client: StripeClient, control: SandboxClient, kind: str
) -> None:
    session = opened_for(client, kind)
    waiting = await paid_by(client, control, session, DATA[kind])
    assert (waiting["status"], waiting["payment_status"]) == ("open", "unpaid")
    await control.finish(waiting["payment_intent"], "fail")
    again = await paid_by(client, control, session, DATA[kind])
    assert (again["status"], again["payment_intent"]) == ("open", waiting["payment_intent"])
    assert await control.events("checkout.session.completed") == []
    await control.finish(waiting["payment_intent"])
    (completed,) = await control.events("checkout.session.completed")
    assert completed["data"]["object"]["payment_status"] == "paid"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


@pytest.mark.parametrize(
    ("kind", "params", "status", "param"),
    [
        ("multibanco", {}, 400, "billing_details[email]"),
        ("customer_balance", {"payment_method_options": None}, 400, "payment_method_options[customer_balance]"),
        ("ideal", {"payment_intent_data": {"setup_future_usage": "off_session"}}, 501, "setup_future_usage"),
    ],
)
async def test_a_method_that_lacks_something_makes_no_payment_intent(
    client: StripeClient, control: SandboxClient, kind: str, params: dict[str, Any], status: int, param: str
) -> None:
    session = opened_for(client, kind, **params)
    with pytest.raises(httpx.HTTPStatusError) as e:
        await paid_by(client, control, session, {**DATA[kind], "billing_details": {"name": "Ada"}})
    assert e.value.response.status_code == status
    assert e.value.response.json()["error"]["param"].startswith(param)
    assert await control.count("payment_intents") == 0
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_the_browsers_confirm_hands_the_mandate_of_a_debit_on(client: StripeClient, url: str) -> None:
    session = opened_for(client, "sepa_debit")
    form = {"key": PUBLISHABLE_KEY, "client_secret": str(session.client_secret), "email": "ada@example.com", **ACCEPTED}
    confirm = f"{url}/_sandbox/sessions/confirm"
    refused = http.post(confirm, data={**form, "payment_method": "pm_card_visa"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (501, "mandate_data")
    method = client.v1.payment_methods.create(with_iban("AT61 1904 3002 3457 3201")).id
    answer = http.post(confirm, data={**form, "payment_method": method}).json()
    assert (answer["status"], answer["payment_status"]) == ("complete", "unpaid")
    (charge,) = charges_of(client, answer["payment_intent"]["id"])
    assert charge.to_dict()["payment_method_details"]["sepa_debit"]["mandate"].startswith("mandate_")


def test_a_session_with_a_later_capture_offers_only_what_can_be_held(client: StripeClient) -> None:
    held = {"payment_intent_data": {"capture_method": "manual"}}
    assert opened_for(client, "us_bank_account", **held).payment_method_types == ["card"]

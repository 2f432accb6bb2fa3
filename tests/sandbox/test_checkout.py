import re
from typing import Any

import httpx
import pytest
from stripe import APIError, IdempotencyError, InvalidRequestError, StripeClient
from stripe.checkout import Session

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import TEA, charges_of, client_of, http, opened

CARDS = {"allowed_payment_method_types": ["card"]}
CARD = {"email": "ada@example.com", "name": "Ada", "expiry": "12 / 40", "cvc": "123"}


def pay(session: Session, number: str) -> httpx.Response:
    return http.post(str(session.url), data={**CARD, "number": number})


def show(url: str) -> httpx.Response:
    return http.get(url)


def test_a_session_has_no_payment_intent_before_its_confirmation(client: StripeClient) -> None:
    session = opened(client)
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.amount_total == 1000
    assert session.expires_at == session.created + 24 * 3600
    assert client.v1.payment_intents.list().data == []


async def test_paying_on_the_page_completes_the_session(client: StripeClient, control: SandboxClient) -> None:
    session = opened(client)
    assert "Tea" in show(str(session.url)).text
    answer = pay(session, "4242424242424242")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/done?session={session.id}"
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]}).to_dict()
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert paid["payment_intent"]["metadata"] == {"cart": "c1"}
    assert paid["customer_details"]["email"] == "ada@example.com"
    types = {event["type"] for event in await control.events()}
    assert types >= {"checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"}


def test_a_decline_on_the_page_leaves_the_session_open_with_a_payment_intent(client: StripeClient) -> None:
    session = opened(client)
    answer = pay(session, "4000000000009995")
    assert answer.status_code == 402
    assert "insufficient funds" in answer.text
    found = client.v1.checkout.sessions.retrieve(session.id)
    assert found.status == "open"
    first = found.payment_intent
    assert first is not None
    assert pay(session, "4242424242424242").status_code == 303
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent == first


def test_a_challenge_on_the_page_leads_through_3ds(client: StripeClient) -> None:
    session = opened(client)
    challenge = pay(session, "4000000000003220")
    assert challenge.status_code == 303
    back = http.post(challenge.headers["location"], data={"outcome": "succeed"})
    assert str(back.headers["location"]).startswith(str(session.url))
    done = show(back.headers["location"])
    assert re.match(r"https://shop\.example/done", done.headers["location"])
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


async def test_the_payment_intent_of_a_session_is_not_confirmed_cancelled_or_repriced_directly(
    client: StripeClient, control: SandboxClient
) -> None:
    session = opened(client)
    pay(session, "4000000000000002")
    intent_id = str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    with pytest.raises(InvalidRequestError, match="Checkout Session"):
        client.v1.payment_intents.cancel(intent_id)
    with pytest.raises(InvalidRequestError, match="Checkout Session"):
        client.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})
    with pytest.raises(InvalidRequestError, match="Checkout Session"):
        client.v1.payment_intents.update(intent_id, {"amount": 999})
    with pytest.raises(APIError, match="does not do this"):
        client.v1.payment_intents.update(intent_id, {"payment_method": "pm_card_visa"})
    assert client.v1.payment_intents.update(intent_id, {"metadata": {"order": "o1"}}).metadata["order"] == "o1"


async def test_the_hold_of_a_session_can_be_released_directly(client: StripeClient, control: SandboxClient) -> None:
    session = opened(client, payment_intent_data={"capture_method": "manual"})
    paid = await control.pay_session(session.id)
    assert (paid["status"], paid["payment_status"]) == ("complete", "unpaid")
    assert client.v1.payment_intents.cancel(paid["payment_intent"]).status == "canceled"


async def test_a_session_expires_by_the_clock_or_by_request(client: StripeClient, control: SandboxClient) -> None:
    by_clock = opened(client)
    await control.advance(24 * 3600 + 1)
    assert client.v1.checkout.sessions.retrieve(by_clock.id).status == "expired"
    by_request = opened(client)
    assert client.v1.checkout.sessions.expire(by_request.id).status == "expired"
    assert len(await control.events("checkout.session.expired")) == 2
    with pytest.raises(InvalidRequestError, match=r'Only Checkout Sessions with a status in \["open"\] can be expired'):
        client.v1.checkout.sessions.expire(by_request.id)
    assert pay(by_clock, "4242424242424242").status_code == 404


@pytest.mark.parametrize(("cancels", "status"), [(True, "canceled"), (False, "requires_payment_method")])
async def test_expiry_does_with_a_failed_attempts_payment_intent_what_the_config_says(
    start: Start, cancels: bool, status: str
) -> None:
    client = client_of(start(SandboxConfig(unconfirmed=Unconfirmed(expiry_cancels_failed_attempt=cancels))))
    session = opened(client)
    pay(session, "4000000000000002")
    client.v1.checkout.sessions.expire(session.id)
    intent_id = str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    assert client.v1.payment_intents.retrieve(intent_id).status == status


@pytest.mark.parametrize("seconds", [60, 25 * 3600])
async def test_a_session_lives_between_30_minutes_and_24_hours(
    client: StripeClient, control: SandboxClient, seconds: int
) -> None:
    with pytest.raises(InvalidRequestError) as e:
        opened(client, expires_at=int(await control.now()) + seconds)
    assert e.value.param == "expires_at"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"ui_mode": "form"}, "ui_mode"),
        ({"allow_promotion_codes": True}, "allow_promotion_codes"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax"),
        ({"shipping_options": [{"shipping_rate": "shr_1"}]}, "shipping_options"),
        ({"line_items": [{**TEA, "adjustable_quantity": {"enabled": True}}]}, "line_items[0][adjustable_quantity]"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items[0][price]"),
    ],
)
def test_what_the_sandbox_does_not_do_is_501_and_named(
    client: StripeClient, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(APIError, match="The sandbox does not do this") as e:
        opened(client, **params)
    assert (e.value.http_status, e.value.error and e.value.error.param) == (501, param)


@pytest.mark.parametrize(
    ("ui_mode", "params", "param"),
    [
        ("hosted_page", {"success_url": None}, "success_url"),
        ("hosted_page", {"return_url": "https://shop.example/"}, "return_url"),
        ("embedded_page", {"return_url": None}, "return_url"),
        ("embedded_page", {"success_url": "https://shop.example/"}, "success_url"),
        ("elements", {"cancel_url": "https://shop.example/", "success_url": "https://shop.example/"}, "cancel_url"),
        ("elements", {"redirect_on_completion": "always"}, "redirect_on_completion"),
        ("elements", {"payment_method_types": ["card"]}, "payment_method_types"),
        ("elements", {**CARDS, "excluded_payment_method_types": ["klarna"]}, "excluded_payment_method_types"),
        ("elements", {"customer": "cus_1", "customer_email": "ada@example.com"}, "customer_email"),
        ("elements", {"line_items": [{**TEA, "quantity": None}]}, "line_items[0][quantity]"),
        ("elements", {"line_items": [TEA] * 101}, "line_items"),
        ("elements", {"line_items": [{"quantity": 1}]}, "line_items[0]"),
        ("elements", {"currency": "usd"}, "line_items"),
    ],
)  # fmt: skip
def test_what_stripe_refuses_to_open_is_refused_and_named(
    client: StripeClient, ui_mode: str, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError) as e:
        opened(client, ui_mode, **params)
    assert e.value.param == param
    assert client.v1.checkout.sessions.list().data == []


@pytest.mark.parametrize("ui_mode", ["embedded_page", "elements"])
def test_a_session_in_the_shops_page_has_a_client_secret_and_no_address(
    client: StripeClient, url: str, ui_mode: str
) -> None:
    session = opened(client, ui_mode)
    assert re.fullmatch(rf"{session.id}_secret_\w+", str(session.client_secret))
    assert (session.url, session.success_url, session.ui_mode) == (None, None, ui_mode)
    assert session.return_url == "https://shop.example/done?session={CHECKOUT_SESSION_ID}"
    assert show(f"{url}/_sandbox/checkout/{session.id}").status_code == 404


async def test_the_page_in_a_frame_needs_the_client_secret_and_tells_the_shop_when_it_is_done(
    client: StripeClient, url: str
) -> None:
    session = opened(client, "embedded_page")
    page = f"{url}/_sandbox/checkout/{session.id}?client_secret={session.client_secret}"
    assert show(f"{page}x").status_code == 404
    assert "Tea" in show(page).text
    done = http.post(page, data={**CARD, "number": "4242424242424242"})
    assert "sandbox.checkout.complete" in done.text
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize("is_on", [True, False])
def test_adaptive_pricing_is_what_the_dashboard_says_unless_it_is_sent(start: Start, is_on: bool) -> None:
    client = client_of(start(SandboxConfig(adaptive_pricing=is_on)))
    assert opened(client).to_dict()["adaptive_pricing"] == {"enabled": is_on}
    assert opened(client, adaptive_pricing={"enabled": not is_on}).to_dict()["adaptive_pricing"] == {
        "enabled": not is_on
    }


def test_the_types_of_payment_methods_are_those_of_the_currency_that_are_allowed(client: StripeClient) -> None:
    dollars = [{**TEA, "price_data": {**TEA["price_data"], "currency": "usd"}}]
    assert opened(client).payment_method_types == ["card"]
    assert opened(client, line_items=dollars).payment_method_types == ["card", "us_bank_account"]
    allowed = opened(client, line_items=dollars, allowed_payment_method_types=["card"])
    assert (allowed.payment_method_types, allowed.allowed_payment_method_types) == (["card"], ["card"])
    excluded = opened(client, line_items=dollars, excluded_payment_method_types=["us_bank_account"])
    assert (excluded.payment_method_types, excluded.excluded_payment_method_types) == (["card"], ["us_bank_account"])


async def test_a_method_of_another_type_does_not_pay(client: StripeClient, control: SandboxClient) -> None:
    session = opened(client)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await control.pay_session(session.id, "pm_usBankAccount_success")
    assert await control.count("payment_intents") == 0


def test_a_repeated_create_with_its_key_gives_the_same_session(client: StripeClient) -> None:
    key: Any = {"idempotency_key": "k1"}
    params: Any = {"mode": "payment", "ui_mode": "elements", "return_url": "https://shop.example/", "line_items": [TEA]}
    first = client.v1.checkout.sessions.create(params, key)
    assert client.v1.checkout.sessions.create(params, key).to_dict() == first.to_dict()
    with pytest.raises(IdempotencyError):
        client.v1.checkout.sessions.create(params | {"line_items": [{**TEA, "quantity": 3}]}, key)
    assert len(client.v1.checkout.sessions.list().data) == 1


@pytest.mark.parametrize(
    ("method", "event", "payment_status", "status"),
    [
        ("pm_usBankAccount_success", "checkout.session.async_payment_succeeded", "paid", "succeeded"),
        ("pm_usBankAccount_noAccount", "checkout.session.async_payment_failed", "unpaid", "requires_payment_method"),
    ],
)
async def test_a_delayed_payment_completes_the_session_unpaid_and_its_outcome_comes_later(
    client: StripeClient, control: SandboxClient, method: str, event: str, payment_status: str, status: str
) -> None:
    dollars = [{**TEA, "price_data": {**TEA["price_data"], "currency": "usd"}}]
    paid = await control.pay_session(opened(client, line_items=dollars).id, method)
    assert (paid["status"], paid["payment_status"]) == ("complete", "unpaid")
    assert len(await control.events("checkout.session.completed")) == 1
    await control.advance(61)
    session = client.v1.checkout.sessions.retrieve(paid["id"], {"expand": ["payment_intent"]}).to_dict()
    assert (session["status"], session["payment_status"]) == ("complete", payment_status)
    assert session["payment_intent"]["status"] == status
    (charge,) = charges_of(client, session["payment_intent"]["id"])
    assert charge.to_dict()["payment_method_details"]["us_bank_account"]["mandate"] is not None
    (told,) = await control.events(event)
    assert told["data"]["object"]["payment_status"] == payment_status


@pytest.mark.parametrize(
    ("challenge", "status", "payment_status"),
    [("succeed", "complete", "paid"), ("fail", "open", "unpaid"), (None, "open", "unpaid")],
)
async def test_a_challenge_is_passed_failed_or_left_by_the_control(
    client: StripeClient, control: SandboxClient, challenge: Any, status: str, payment_status: str
) -> None:
    session = opened(client, "elements")
    paid = await control.pay_session(session.id, "pm_card_threeDSecure2Required", challenge=challenge)
    assert (paid["status"], paid["payment_status"]) == (status, payment_status)
    if challenge is None:
        await control.authenticate(paid["payment_intent"])
        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


async def test_a_session_is_found_by_its_payment_intent(client: StripeClient, control: SandboxClient) -> None:
    paid = await control.pay_session(opened(client).id)
    await control.pay_session(opened(client).id)
    found = client.v1.checkout.sessions.list({"payment_intent": paid["payment_intent"]})
    assert [session.id for session in found.data] == [paid["id"]]


async def test_what_is_aged_expires_as_much_sooner(client: StripeClient, control: SandboxClient) -> None:
    session = opened(client)
    await control.age(3600)
    assert client.v1.checkout.sessions.retrieve(session.id).expires_at == session.expires_at - 3600
    await control.age(23 * 3600)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_line_items_are_listed_and_expanded(client: StripeClient) -> None:
    session = opened(client)
    (item,) = client.v1.checkout.sessions.line_items.list(session.id).data
    assert (item.description, item.quantity, item.amount_total) == ("Tea", 2, 1000)
    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert expanded.line_items is not None
    assert [entry.id for entry in expanded.line_items.data] == [item.id]
    assert [entry.id for entry in client.v1.checkout.sessions.list({"status": "open"}).data] == [session.id]

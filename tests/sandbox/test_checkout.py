import re
from typing import Any

import httpx
import pytest
from stripe import InvalidRequestError, StripeClient
from stripe.checkout import Session

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import client_of, http

CARD = {"email": "ada@example.com", "name": "Ada", "expiry": "12 / 40", "cvc": "123"}


def opened(client: StripeClient, **params: Any) -> Session:
    wanted: Any = {
        "mode": "payment",
        "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "line_items": [
            {"price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}, "quantity": 2}
        ],
        "metadata": {"cart": "c1"},
        "payment_intent_data": {"metadata": {"cart": "c1"}},
        **params,
    }
    return client.v1.checkout.sessions.create(wanted)


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


async def test_the_payment_intent_of_a_session_is_not_confirmed_or_cancelled_directly(
    client: StripeClient, control: SandboxClient
) -> None:
    session = opened(client)
    pay(session, "4000000000000002")
    intent_id = str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    with pytest.raises(InvalidRequestError, match="Checkout Session"):
        client.v1.payment_intents.cancel(intent_id)
    with pytest.raises(InvalidRequestError, match="Checkout Session"):
        client.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})


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


@pytest.mark.parametrize("params", [{"mode": "subscription"}, {"ui_mode": "elements"}, {"allow_promotion_codes": True}])
def test_what_the_sandbox_does_not_do_is_501(client: StripeClient, params: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="The sandbox does not do this") as e:
        opened(client, **params)
    assert getattr(e.value, "http_status", None) == 501


def test_line_items_are_listed_and_expanded(client: StripeClient) -> None:
    session = opened(client)
    (item,) = client.v1.checkout.sessions.line_items.list(session.id).data
    assert (item.description, item.quantity, item.amount_total) == ("Tea", 2, 1000)
    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert expanded.line_items is not None
    assert [entry.id for entry in expanded.line_items.data] == [item.id]
    assert [entry.id for entry in client.v1.checkout.sessions.list({"status": "open"}).data] == [session.id]

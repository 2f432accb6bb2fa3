"""Checkout Sessions in the shop's own page: confirmed by stripe.js, changed while they are open."""

from typing import Any

import httpx
import pytest
from stripe import APIError, InvalidRequestError, StripeClient
from stripe.checkout import Session

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start
from tests.sandbox.running import PUBLISHABLE_KEY, TEA, client_of, http, opened

CAKE = {"price_data": {"currency": "eur", "unit_amount": 700, "product_data": {"name": "Cake"}}, "quantity": 1}


def confirm(url: str, session: Session, method: str = "pm_card_visa", **params: str) -> httpx.Response:
    """Confirm as stripe.js does."""
    form = {
        "key": PUBLISHABLE_KEY,
        "client_secret": str(session.client_secret),
        "email": "ada@example.com",
        "payment_method": method,
        "use_stripe_sdk": "true",
        **params,
    }
    return http.post(f"{url}/_sandbox/sessions/confirm", data=form)


def update(client: StripeClient, session: Session, **params: Any) -> Session:
    wanted: Any = params
    return client.v1.checkout.sessions.update(session.id, wanted)


def items_of(client: StripeClient, session: Session) -> list[tuple[str | None, int | None, int]]:
    listed = client.v1.checkout.sessions.line_items.list(session.id).data
    return [(item.description, item.quantity, item.amount_total) for item in listed]


def first_item(client: StripeClient, session: Session) -> str:
    return client.v1.checkout.sessions.line_items.list(session.id).data[0].id


@pytest.mark.parametrize("ui_mode", ["elements", "embedded_page"])
async def test_the_client_secret_confirms_and_makes_the_payment_intent(
    client: StripeClient, control: SandboxClient, url: str, ui_mode: str
) -> None:
    session = opened(client, ui_mode, payment_intent_data={"metadata": {"cart": "c1"}, "description": "Tea"})
    answer = confirm(url, session)
    assert (answer.json()["status"], answer.json()["payment_status"]) == ("complete", "paid")
    assert "cart" not in answer.text
    (intent,) = await control.objects("payment_intents")
    assert (intent["amount"], intent["metadata"], intent["description"]) == (1000, {"cart": "c1"}, "Tea")
    assert len(await control.events("checkout.session.completed")) == 1
    assert confirm(url, session).status_code == 400
    assert await control.count("payment_intents") == 1


def test_a_stranger_confirms_nothing(client: StripeClient, url: str) -> None:
    session = opened(client, "elements")
    assert confirm(url, session, client_secret=f"{session.id}_secret_x").status_code == 404
    assert confirm(url, session, key="pk_test_other").status_code == 401
    assert confirm(url, session, email="").json()["error"]["param"] == "email"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent is None


async def test_a_second_confirm_uses_the_same_payment_intent_over_what_is_owed_now(
    client: StripeClient, control: SandboxClient, url: str
) -> None:
    session = opened(client, "elements")
    declined = confirm(url, session, "pm_card_chargeDeclined")
    assert (declined.status_code, declined.json()["error"]["payment_intent"]["status"]) == (
        402,
        "requires_payment_method",
    )
    after = client.v1.checkout.sessions.retrieve(session.id)
    assert after.status == "open"
    update(client, session, line_items=[{"id": first_item(client, session)}, CAKE])
    assert confirm(url, session).json()["payment_status"] == "paid"
    (intent,) = await control.objects("payment_intents")
    assert (intent["id"], intent["amount_received"]) == (after.payment_intent, 1700)


def test_line_items_are_kept_by_id_added_removed_and_put_in_order(client: StripeClient) -> None:
    session = opened(client, "elements")
    tea = first_item(client, session)
    both = update(client, session, line_items=[CAKE, {"id": tea, "quantity": 3}])
    assert (both.amount_subtotal, both.amount_total) == (2200, 2200)
    assert items_of(client, session) == [("Cake", 1, 700), ("Tea", 3, 1500)]
    assert client.v1.checkout.sessions.line_items.list(session.id).data[1].id == tea
    assert update(client, session, line_items=[{"id": tea}]).amount_total == 1500
    assert items_of(client, session) == [("Tea", 3, 1500)]


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([{"id": "li_unknown"}], "line_items[0][id]"),
        ([{"id": "first"}, {"id": "first"}], "line_items"),
        ([{"id": "first"}, {"quantity": 1}], "line_items[1]"),
        ([{"id": "first"}, {**CAKE, "quantity": None}], "line_items[1][quantity]"),
        ([{"id": "first", "quantity": 0}], "line_items[0][quantity]"),
        ([{**TEA, "price_data": {**TEA["price_data"], "currency": "usd"}}], "line_items"),
        ([{**TEA, "price_data": {**TEA["price_data"], "unit_amount": 1}}], "amount"),
    ],
)
def test_a_refused_update_changes_nothing(client: StripeClient, items: list[dict[str, Any]], param: str) -> None:
    session = opened(client, "elements")
    tea = first_item(client, session)
    wanted = [{**item, "id": tea} if item.get("id") == "first" else item for item in items]
    with pytest.raises(InvalidRequestError) as e:
        update(client, session, line_items=wanted, metadata={"cart": "c2"})
    assert e.value.param == param
    assert client.v1.checkout.sessions.retrieve(session.id).to_dict() == session.to_dict()
    assert items_of(client, session) == [("Tea", 2, 1000)]


def test_a_new_price_for_a_kept_item_is_501(client: StripeClient) -> None:
    session = opened(client, "elements")
    with pytest.raises(APIError, match="does not do this"):
        update(client, session, line_items=[{**CAKE, "id": first_item(client, session)}])


@pytest.mark.parametrize("ui_mode", ["hosted_page", "embedded_page"])
@pytest.mark.parametrize("params", [{"line_items": [CAKE]}, {"payment_intent_data": {"description": "Cake"}}], ids=list)
def test_only_elements_change_in_place(client: StripeClient, ui_mode: str, params: dict[str, Any]) -> None:
    session = opened(client, ui_mode)
    with pytest.raises(InvalidRequestError, match="elements") as e:
        update(client, session, **params)
    assert e.value.param == next(iter(params))
    assert update(client, session, metadata={"cart": ""}).to_dict()["metadata"] == {}


@pytest.mark.parametrize("metadata", ["accept", "refuse"])
async def test_nothing_but_perhaps_metadata_changes_once_it_is_not_open(start: Start, metadata: Any) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(closed_session_metadata=metadata)))
    client = client_of(url)
    session = opened(client, "elements")
    client.v1.checkout.sessions.expire(session.id)
    with pytest.raises(InvalidRequestError, match='status in \\["open"\\] can be updated'):
        update(client, session, line_items=[CAKE], metadata={"cart": "c2"})
    if metadata == "refuse":
        with pytest.raises(InvalidRequestError):
            update(client, session, metadata={"cart": "c2"})
    else:
        assert update(client, session, metadata={"cart": "c2"}).to_dict()["metadata"] == {"cart": "c2"}


def test_an_update_of_payment_intent_data_reaches_the_payment_intent_and_ends_its_attempt(
    client: StripeClient, url: str
) -> None:
    session = opened(client, "elements")
    intent = confirm(url, session, "pm_card_threeDSecure2Required").json()["payment_intent"]
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")
    update(client, session, payment_intent_data={"description": "Tea", "metadata": {"order": "o1"}})
    found = client.v1.payment_intents.retrieve(intent["id"]).to_dict()
    assert (found["status"], found["next_action"]) == ("requires_payment_method", None)
    assert (found["description"], found["metadata"]) == ("Tea", {"cart": "c1", "order": "o1"})
    with pytest.raises(InvalidRequestError) as e:
        update(client, session, payment_intent_data={"capture_method": "manual"})
    assert (e.value.code, e.value.param) == ("parameter_unknown", "payment_intent_data[capture_method]")


@pytest.mark.parametrize(
    ("policy", "status", "received"),
    [("abandon", "requires_payment_method", 0), ("keep", "succeeded", 1000), ("refuse", "succeeded", 1000)],
)
async def test_new_line_items_during_a_challenge_do_what_the_config_says(
    start: Start, policy: Any, status: str, received: int
) -> None:
    url = start(SandboxConfig(unconfirmed=Unconfirmed(line_items_during_action=policy)))
    client = client_of(url)
    session = opened(client, "elements")
    intent = confirm(url, session, "pm_card_threeDSecure2Required").json()["payment_intent"]
    if policy == "refuse":
        with pytest.raises(InvalidRequestError):
            update(client, session, line_items=[CAKE])
    else:
        assert update(client, session, line_items=[CAKE]).amount_total == 700
    passed = {"key": PUBLISHABLE_KEY, "client_secret": intent["client_secret"], "outcome": "succeed"}
    assert http.post(f"{url}/_sandbox/authenticate", data=passed).status_code == (400 if policy == "abandon" else 200)
    found = client.v1.payment_intents.retrieve(intent["id"])
    assert (found.status, found.amount_received) == (status, received)


async def test_a_returned_shopper_comes_to_the_shops_page_with_the_sessions_id(
    client: StripeClient, control: SandboxClient, url: str
) -> None:
    session = opened(client, "elements")
    confirm(url, session, "pm_card_threeDSecure2Required", use_stripe_sdk="false")
    (intent,) = await control.objects("payment_intents")
    back = http.post(intent["next_action"]["redirect_to_url"]["url"], data={"outcome": "succeed"})
    assert back.headers["location"].startswith(f"https://shop.example/done?session={session.id}&payment_intent=")

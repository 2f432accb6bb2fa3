"""A payment is found in one request by what a customer says on the phone, or by any id."""

from urllib.parse import quote

import httpx
import pytest

from app.settings import Settings
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import Jobs, settings_for
from tests.database import Database

KEY = "k" * 32


@pytest.fixture
def settings(database_url: str, sandbox_url: str) -> Settings:
    return settings_for(database_url, sandbox_url, email_search_key=KEY)


async def _search(cart: Cart, q: str) -> list[str]:
    """Return the carts that are found."""
    answer = await cart.api.get("/v1/search", params={"q": q})
    assert answer.status_code == 200, answer.text
    return [each["reference"]["id"] for each in answer.json()["data"]]


@pytest.fixture
async def carts(cart: Cart) -> Cart:
    """Return a cart beside another that is like it in all but one respect."""
    other = cart.another("/v1/carts/other-1001")
    await other.owe(amount=2600, receipt_email="bob@example.com")
    await other.pay("pm_card_mastercard")
    await cart.another("/v1/carts/24").owe(amount=1000)
    wanted = cart.another("/v1/carts/order-1001")
    await wanted.owe(amount=2499, receipt_email="Ada@example.com")
    await wanted.pay()
    return wanted


@pytest.mark.parametrize(
    "query",
    [
        "4242",
        "24.99",
        "24,99 eur",
        "4242 ~25 today",
        "a customer, card ending 4242, about 25 euros, today",
        "order-",
        "order-1001",
        "cart:order-1001",
        "ADA@example.com",
    ],
)
async def test_a_payment_is_found_by_what_is_known_of_it(carts: Cart, query: str) -> None:
    assert await _search(carts, query) == ["order-1001"]


@pytest.mark.parametrize("query", ["4242 26.00", "4242 yesterday", "session:order-1001", "ORDER-", "%", "4242 nobody-"])
async def test_what_does_not_fit_all_is_not_found(carts: Cart, query: str) -> None:
    answer = await carts.api.get("/v1/search", params={"q": query})
    assert answer.status_code == 422 or answer.json()["data"] == []


async def test_a_number_that_finds_nothing_may_be_a_cart(carts: Cart) -> None:
    found = (await carts.api.get("/v1/search", params={"q": "24"})).json()
    assert [each["reference"]["id"] for each in found["data"]] == ["24"]
    assert found["understood"] == [
        {"text": "24", "meaning": "reference", "explanation": "a cart or session whose id begins with 24"}
    ]


@pytest.mark.parametrize(
    "name", ["guest@shop.example", "größe-7", "2026-01-01", "0190ab12-1111-7222-8333-123456789012"]
)
async def test_a_cart_is_found_whatever_its_id_looks_like(cart: Cart, name: str) -> None:
    await cart.another(f"/v1/carts/{quote(name, safe='')}").owe()
    assert await _search(cart, name) == [name]


async def test_a_payment_is_found_by_any_id_that_belongs_to_it(
    carts: Cart, sandbox: SandboxClient, database: Database
) -> None:
    state = await carts.state()
    await sandbox.dashboard_refund(state["stripe_id"], 100)
    await sandbox.open_dispute(state["stripe_id"])
    await sandbox.wait_idle()
    [refund] = (await carts.api.get(f"{carts.path}/refunds")).json()["data"]
    [dispute] = (await carts.api.get("/v1/disputes")).json()["data"]
    attempt = state["attempts"]["last"]
    events = await database.column("SELECT id FROM webhook_events WHERE object_id = $1", state["stripe_id"])
    request = await database.value(
        "SELECT max(stripe_request_id) FROM domain_events WHERE payment_intent_id = $1",
        state["id"],
    )
    ids = [state["id"], state["stripe_id"], attempt["id"], attempt["charge_id"], refund["id"], refund["stripe_id"]]
    for each in (*ids, dispute["id"], dispute["stripe_id"], *events, request):
        assert await _search(carts, each) == ["order-1001"], each
    assert await _search(carts, "evt_none") == await _search(carts, "pi_none") == []


async def test_a_suspected_fraud_is_found_by_its_id_and_its_event(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await cart.owe()
    await cart.pay("pm_card_createIssuerFraudRecord")
    await sandbox.wait_idle()
    await jobs()
    [event] = await sandbox.events("radar.early_fraud_warning.created")
    for each in (event["id"], event["data"]["object"]["id"]):
        assert await _search(cart, each) == ["c1"], each


async def test_an_event_about_what_a_merchant_named_finds_nothing(cart: Cart, database: Database) -> None:
    await database.execute(
        "INSERT INTO webhook_events (id, type, object_id, created, outcome)"
        " VALUES ('evt_coupon', 'coupon.created', 'SUMMER25', now(), 'ignored')"
    )
    assert await _search(cart, "evt_coupon") == []


async def test_the_answer_says_what_it_understood(carts: Cart) -> None:
    found = (await carts.api.get("/v1/search", params={"q": "card 4242 24.99"})).json()
    assert [(each["text"], each["meaning"]) for each in found["understood"]] == [
        ("4242", "card_last4"),
        ("24.99", "amount"),
    ]
    assert found["ignored"] == ["card"]


async def test_an_address_is_stored_once_and_searched_by_its_hash(carts: Cart, database: Database) -> None:
    [row] = [row for row in await database.payment_intents() if row["reference_id"] == "order-1001"]
    assert len(row["email_hash"]) == 16
    await carts.owe(cart_version=2, amount=2499)
    assert await _search(carts, "bob@example.com") == ["other-1001"]


async def test_what_says_nothing_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/search", params={"q": "the customer"})
    assert (answer.status_code, answer.json()["code"]) == (422, "search_not_understood")

"""The shop without the service behind it, and its parts."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from examples.shop import carts
from examples.shop.app import create_app
from examples.shop.carts import CartNotFound, Carts
from examples.shop.security import security_headers
from examples.shop.settings import Settings, SettingsError, from_environment

KEY = "pay_secret_key"
ENVIRONMENT = {
    "PAYMENTS_API_URL": "http://payments.test",
    "PAYMENTS_API_KEY": KEY,
    "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
    "STRIPE_JS_URL": "https://js.stripe.com/v3/",
}
Answer = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def shop_whose_api(answers: Answer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Give a shop in front of an API that does as told."""

    async def handle(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return answers(request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    app = create_app(from_environment(ENVIRONMENT))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://shop") as shop:
        yield shop


def refuse_to_connect(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def problem(status: int, code: str, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, json={"code": code, "detail": "told to programmers"}, headers=headers)


@pytest.mark.parametrize(
    ("api", "retry_after"),
    [
        (refuse_to_connect, "2"),
        (problem(503, "stripe_unavailable", **{"Retry-After": "7"}), "7"),
        (lambda _: httpx.Response(502, html="<h1>Bad gateway</h1>"), "2"),
        (problem(429, "too_many_requests"), "2"),
    ],
    ids=["no connection", "Stripe unavailable", "a broken proxy", "too many requests"],
)
async def test_what_may_pass_is_to_be_asked_again(
    api: Answer, retry_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop_whose_api(api, monkeypatch) as shop:
        cart = (await shop.get("/")).headers["location"]
        answer = await shop.patch(f"/api{cart}", json={"quantities": {"mug": 2}})

    assert (answer.status_code, answer.json()) == (503, {"code": "payments_unavailable"})
    assert answer.headers["retry-after"] == retry_after


async def test_a_change_survives_an_api_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop_whose_api(refuse_to_connect, monkeypatch) as shop:
        cart = (await shop.get("/")).headers["location"]
        await shop.patch(f"/api{cart}", json={"quantities": {"mug": 2}})
        monkeypatch.undo()
        sent: list[httpx.Request] = []

        async def handle(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, json={"stripe_id": "pi_1", "status": "requires_payment_method", "amount": 4250})

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
        await shop.patch(f"/api{cart}", json={"quantities": {"mug": 2}})

    assert sent[0].content == b'{"amount":4250,"currency":"eur","cart_version":2}'
    assert sent[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "forbidden"), (422, "validation_failed")])
async def test_a_fault_of_the_shops_own_is_logged_for_its_staff_and_not_told_to_the_page(
    status: int, code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop_whose_api(problem(status, code), monkeypatch) as shop:
        cart = (await shop.get("/")).headers["location"]
        with caplog.at_level(logging.ERROR):
            answer = await shop.patch(f"/api{cart}", json={"quantities": {}})

    assert (answer.status_code, answer.json()) == (500, {"code": "payments_refused"})
    assert code in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("name", list(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be set in the environment.$"):
        from_environment(ENVIRONMENT | {name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [("STRIPE_PUBLISHABLE_KEY", "sk_test_oops"), ("PAYMENTS_API_URL", "localhost:8000"), ("STRIPE_JS_URL", "/v3/")],
)
def test_a_wrong_variable_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        from_environment(ENVIRONMENT | {name: value})
    assert value not in str(raised.value)


def test_the_key_is_not_shown_with_the_settings() -> None:
    assert KEY not in repr(Settings("http://api.test", KEY, "pk_test_1", "https://js.stripe.com/v3/"))


def test_the_real_stripe_js_may_do_what_it_needs() -> None:
    policy = security_headers("https://js.stripe.com/v3/", "https://api.shop.example/x")["Content-Security-Policy"]

    assert "script-src 'self' https://js.stripe.com https://*.js.stripe.com;" in policy
    assert "connect-src 'self' https://api.shop.example https://api.stripe.com;" in policy
    assert "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com;" in policy


def test_an_undone_change_rises_the_version_too() -> None:
    store = Carts()
    before = store.open()
    refused = store.change(before.id, {"mug": 4})
    store.undo(refused, before)

    assert store.get(before.id).quantities == before.quantities
    assert store.get(before.id).version == 3


def test_a_change_that_was_overtaken_is_not_undone() -> None:
    store = Carts()
    before = store.open()
    refused = store.change(before.id, {"mug": 4})
    newer = store.change(before.id, {"tea": 2})
    store.undo(refused, before)

    assert store.get(before.id) == newer


def test_the_longest_unused_cart_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carts, "MAX_CARTS", 2)
    store = Carts()
    used, unused = store.open(), store.open()
    store.get(used.id)
    store.open()

    assert store.get(used.id) == used
    with pytest.raises(CartNotFound):
        store.get(unused.id)

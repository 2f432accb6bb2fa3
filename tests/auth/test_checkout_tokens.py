"""Checkout tokens: 15 minutes, one cart, two rights, and nothing that a shopper must not know."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse

from app.auth.checkout_tokens import LEEWAY, CheckoutTokens
from app.http.cors import CheckoutCors
from app.payment_intents.protocol.terms import Reference
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.auth.credentials import CART as CART_REFERENCE
from tests.auth.credentials import forged, tokens_of

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}
OLD, NEW, FOREIGN = ("old" * 12, "new" * 12, "foreign" * 5)


@asynccontextmanager
async def browser(api: httpx.AsyncClient, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that has nothing but the token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api.base_url, headers=headers, trust_env=False) as client:
        yield client


async def test_a_token_reads_the_state_and_fetches_the_client_secret(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    put = (await api.put(CART, json=TEN_EUROS)).json()
    made = await api.post("/v1/carts/c1/checkout-token")
    async with browser(api, made.json()["token"]) as shopper:
        state = await shopper.get(CART)
        secret = await shopper.get(f"{CART}/client-secret")

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    left = datetime.fromisoformat(made.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14, seconds=30) < left <= timedelta(minutes=15)
    assert state.json() == {
        "status": "requires_payment_method",
        "amount": 1000,
        "currency": "eur",
        "message": "Please choose how to pay.",
    }
    assert secret.json() == {"client_secret": put["client_secret"], "url": None}


async def test_a_shopper_learns_that_it_failed_and_not_why(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    stripe_id = (await api.put(CART, json=TEN_EUROS)).json()["stripe_id"]
    await sandbox.confirm(stripe_id, "pm_card_visa_chargeDeclinedStolenCard")
    await sandbox.wait_idle()
    token = (await api.post("/v1/carts/c1/checkout-token")).json()["token"]
    async with browser(api, token) as shopper:
        state = await shopper.get(CART)
    for_staff = (await api.get(CART)).json()

    assert for_staff["attempts"]["last"]["decline_code"] == "stolen_card"
    assert state.json().keys() == {"status", "amount", "currency", "message"}
    assert "did not go through" in state.json()["message"]
    assert not any(word in state.text for word in ("stolen", "decline", "risk", stripe_id))


async def test_a_token_can_do_nothing_else(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await api.put(CART, json=TEN_EUROS)
    token = (await api.post("/v1/carts/c1/checkout-token")).json()["token"]
    async with browser(api, token) as shopper:
        refused = [
            await shopper.put(CART, json=TEN_EUROS | {"amount": 1}),
            await shopper.get("/v1/carts/c1/attempts"),
            await shopper.post("/v1/carts/c1/checkout-token"),
            await shopper.get("/v1/carts/c2/payment-intent"),
            await shopper.get("/v1/sessions/c1/payment-intent/client-secret"),
        ]
    assert [answer.status_code for answer in refused] == [403] * 5


@pytest.mark.parametrize(
    "token",
    [
        lambda s: forged(s, key="", algorithm="none"),
        lambda s: forged(s, key=FOREIGN),
        lambda s: forged(s, algorithm="HS384"),
        lambda s: forged(s, aud="payments:other:checkout"),
        lambda s: forged(s, aud=None),
        lambda s: forged(s, exp=None),
        lambda s: forged(s, jti=None),
        lambda s: forged(s, exp=datetime.now(UTC) - 2 * LEEWAY),
        lambda s: forged(s, nbf=datetime.now(UTC) + timedelta(minutes=1)),
        lambda s: forged(s, sub="order:c1"),
        lambda s: forged(s, sub=None),
        lambda s: forged(s)[:-2],
        lambda _: "eyJhbGciOiJIUzI1NiJ9..",
    ],
    ids=[
        "alg none",
        "other key",
        "other algorithm, right key",
        "other audience",
        "no audience",
        "no end",
        "no id",
        "expired",
        "not yet",
        "other kind",
        "no reference",
        "cut off",
        "empty",
    ],
)
async def test_a_forged_token_is_worth_nothing(settings: Settings, token: Callable[[Settings], str]) -> None:
    assert tokens_of(settings).verify(token(settings)) is None


def test_the_forgeries_fail_for_their_forgery_alone(settings: Settings) -> None:
    grant = tokens_of(settings).verify(forged(settings))
    assert grant is not None
    assert grant.reference == CART_REFERENCE


def test_the_first_key_signs_and_all_are_accepted() -> None:
    old = CheckoutTokens([SecretStr(OLD)], instance="test")
    both = CheckoutTokens([SecretStr(NEW), SecretStr(OLD)], instance="test")
    new = CheckoutTokens([SecretStr(NEW)], instance="test")
    of_old, of_both = old.issue(Reference("cart", "c1"))[0], both.issue(Reference("cart", "c1"))[0]

    assert both.verify(of_old) is not None
    assert new.verify(of_both) is not None
    assert new.verify(of_old) is None
    assert old.verify(of_both) is None


def test_installations_do_not_accept_each_others_tokens() -> None:
    token, _ = CheckoutTokens([SecretStr(OLD)], instance="staging").issue(Reference("cart", "c1"))
    assert CheckoutTokens([SecretStr(OLD)], instance="live").verify(token) is None


def test_a_token_says_nothing_but_its_cart(settings: Settings) -> None:
    token, _ = tokens_of(settings).issue(CART_REFERENCE)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == {"aud", "sub", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 15 * 60


class TestRate:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"token_requests_per_second": 3})

    async def test_a_token_that_is_used_too_often_waits_and_others_do_not(self, api: httpx.AsyncClient) -> None:
        await api.put(CART, json=TEN_EUROS)
        busy, idle = [(await api.post("/v1/carts/c1/checkout-token")).json()["token"] for _ in range(2)]
        time.sleep(1 - time.time() % 1)  # noqa: ASYNC251 - all of them within one second of the clock
        async with browser(api, busy) as shopper, browser(api, idle) as other:
            answers = [await shopper.get(CART) for _ in range(8)]
            of_other = await other.get(CART)

        statuses = [answer.status_code for answer in answers]
        assert statuses.count(200) <= 6  # three in each second that this took
        assert 429 in statuses
        refused = answers[statuses.index(429)]
        assert refused.json()["code"] == "too_many_requests"
        assert refused.headers["retry-after"] == "1"
        assert of_other.status_code == 200


async def test_no_token_is_made_for_a_cart_that_does_not_exist(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/carts/none/checkout-token")
    assert (answer.status_code, answer.json()["code"]) == (404, "reference_not_found")


class TestCors:
    ORIGIN = "https://shop.example"

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": (self.ORIGIN,)})

    def _preflight(self, method: str, origin: str) -> dict[str, str]:
        return {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization",
        }

    @pytest.mark.parametrize("path", [CART, f"{CART}/client-secret", "/v1/sessions/s1/payment-intent"])
    async def test_a_configured_origin_may_read_the_two_answers(self, anonymous: httpx.AsyncClient, path: str) -> None:
        preflight = await anonymous.options(path, headers=self._preflight("GET", self.ORIGIN))
        refused = await anonymous.get(path, headers={"Origin": self.ORIGIN})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == self.ORIGIN
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == self.ORIGIN  # or the page could not tell why
        assert "access-control-allow-credentials" not in refused.headers

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", CART),
            ("POST", "/v1/carts/c1/checkout-token"),
            ("GET", "/v1/carts/c1/attempts"),
            ("GET", "/readyz"),
            ("POST", "/v1/stripe/webhook"),
        ],
    )
    async def test_no_page_may_do_anything_else(self, anonymous: httpx.AsyncClient, method: str, path: str) -> None:
        preflight = await anonymous.options(path, headers=self._preflight(method, self.ORIGIN))
        plain = await anonymous.request(method, path, headers={"Origin": self.ORIGIN})
        assert preflight.status_code in {400, 405}
        assert "access-control-allow-origin" not in plain.headers

    @pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"])
    async def test_in_development_every_page_of_this_machine_may(
        self, anonymous: httpx.AsyncClient, origin: str
    ) -> None:
        preflight = await anonymous.options(CART, headers=self._preflight("GET", origin))
        refused = await anonymous.get(CART, headers={"Origin": origin})
        assert (preflight.status_code, refused.status_code) == (200, 401)
        assert {each.headers["access-control-allow-origin"] for each in (preflight, refused)} == {origin}

    @pytest.mark.parametrize(
        "origin", ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.1"]
    )
    async def test_nobody_else_may(self, anonymous: httpx.AsyncClient, origin: str) -> None:
        preflight = await anonymous.options(CART, headers=self._preflight("GET", origin))
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers

    async def test_in_production_no_page_of_this_machine_may(self) -> None:
        production = CheckoutCors(PlainTextResponse("read"), origins=(self.ORIGIN,), is_development=False)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(production), base_url="http://test") as client:
            ours, local = [
                await client.options(CART, headers=self._preflight("GET", origin))
                for origin in (self.ORIGIN, "http://localhost:3000")
            ]
        assert (ours.status_code, local.status_code) == (200, 400)

    async def test_other_origins_get_no_cors_headers(self, anonymous: httpx.AsyncClient) -> None:
        preflight = await anonymous.options(CART, headers=self._preflight("GET", "https://evil.example"))
        plain = await anonymous.get(CART, headers={"Origin": "https://evil.example"})
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in {*preflight.headers, *plain.headers}

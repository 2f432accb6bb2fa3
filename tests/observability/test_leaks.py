"""No secret leaks: the whole flow at DEBUG, as real processes, and then a search in all that it left behind."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from pydantic import SecretStr

from app.dev.ports import free_port
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import SECRET_KEY, NewKey
from tests.database import Database
from tests.processes import api_process, environment
from tests.stripe_calls import confirmation_token
from tests.waiting import until

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}
SIGNING_KEY = "signs-checkout-tokens-6f1d0a9be2c74853"
WRONG_KEY = f"pay_{'ab' * 8}_{'cd' * 32}"
CARD = "4242424242424242"


@pytest.fixture
async def webhook_secret(sandbox: SandboxClient) -> AsyncIterator[str]:
    """Register an endpoint in place of the usual one, which nobody serves here."""
    async with _stripe(sandbox) as stripe:
        await stripe.delete("/v1/webhook_endpoints/we_configured")
        form = {"url": "http://127.0.0.1:9/", "enabled_events[0]": "*"}
        yield (await stripe.post("/v1/webhook_endpoints", data=form)).json()["secret"]
    await sandbox.reset()


def _stripe(sandbox: SandboxClient) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=sandbox.url, auth=(SECRET_KEY, ""), trust_env=False)


@pytest.fixture
def settings(settings: Settings, webhook_secret: str) -> Settings:
    changes = {
        "log_level": "DEBUG",
        "stripe_webhook_secret": (SecretStr(webhook_secret),),
        "checkout_token_keys": (SecretStr(SIGNING_KEY),),
        "max_failed_attempts": 2,
    }
    return settings.model_copy(update=changes)


@asynccontextmanager
async def _worker(settings: Settings, log: IO[bytes]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "worker"), env=environment(settings), stderr=log
    )
    yield
    process.terminate()
    assert await process.wait() == 0


async def _lead_to(sandbox: SandboxClient, url: str) -> None:
    async with _stripe(sandbox) as stripe:
        [endpoint] = (await stripe.get("/v1/webhook_endpoints")).json()["data"]
        await stripe.post(f"/v1/webhook_endpoints/{endpoint['id']}", data={"url": f"{url}/v1/stripe/webhook"})


async def _pay_with_card(sandbox: SandboxClient, client_secret: str) -> dict[str, Any]:
    """Confirm as the browser does, with the card's own number."""
    stripe_id = client_secret.partition("_secret_")[0]
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as browser:
        key = (await browser.get("/_sandbox/publishable_key")).json()["publishable_key"]
        form = {
            "key": key,
            "client_secret": client_secret,
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": CARD,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2034",
            "payment_method_data[card][cvc]": "123",
            "expected_payment_method_type": "card",
            "use_stripe_sdk": "true",
        }
        answer = await browser.post(f"/v1/payment_intents/{stripe_id}/confirm", data=form)
    body: dict[str, Any] = answer.json()
    return body


class Flow:
    """All that can be done, right and wrong; it keeps the secrets that were in play and the answers."""

    def __init__(self, api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
        self._api = api
        self._sandbox = sandbox
        self.client_secrets: list[str] = []
        self.session_secrets: list[str] = []
        self.confirmation_tokens: list[str] = []
        self.tokens: list[str] = []
        self.answers: list[httpx.Response] = []

    async def pay(self) -> None:
        put = await self._api.put(CART, json=TEN_EUROS)
        self.client_secrets.append(put.json()["client_secret"])
        self.tokens.append((await self._api.post("/v1/carts/c1/checkout-token")).json()["token"])
        shopper = {"Authorization": f"Bearer {self.tokens[0]}"}
        fetched = await self._api.get(f"{CART}/client-secret", headers=shopper)
        assert fetched.json()["client_secret"] == self.client_secrets[0]
        paid = await _pay_with_card(self._sandbox, self.client_secrets[0])
        assert paid.get("status") == "succeeded", paid
        returned = {"payment_intent_client_secret": self.client_secrets[0], "redirect_status": "succeeded"}
        self.answers.append(await self._api.get(CART, params=returned, headers=shopper))

    async def be_declined(self) -> None:
        path = "/v1/sessions/s1/payment-intent"
        put = (await self._api.put(path, json=TEN_EUROS)).json()
        self.client_secrets.append(put["client_secret"])
        for _ in range(2):
            await self._sandbox.confirm(put["stripe_id"], "pm_card_visa_chargeDeclined")

        async def is_canceled() -> bool:
            return bool((await self._api.get(path)).json()["status"] == "canceled")

        await until(is_canceled, "the worker cancels what too many cards failed on", seconds=20)
        self.answers += [await self._api.put(path, json=TEN_EUROS), await self._api.get(f"{path}/client-secret")]
        self.answers.append(await self._api.get("/v1/sessions/s1/attempts"))

    async def pay_in_sessions(self) -> None:
        """Open one on Stripe's page and one on the shop's, pay there, and confirm another cart from here."""
        for mode in ("hosted_page", "elements"):
            path = f"/v1/carts/{mode}/checkout-session"
            owed = TEN_EUROS | {"ui_mode": mode, "return_url": "https://shop.example/back"}
            checkout = (await self._api.put(path, json=owed)).json()["checkout"]
            self.session_secrets.append(checkout["url"] or checkout["client_secret"])
            await self._sandbox.pay_session(checkout["stripe_id"])
            self.answers.append(await self._api.post(f"{path}/expire"))
        self.confirmation_tokens.append(await confirmation_token(self._sandbox))
        path = "/v1/carts/confirmed/payment-intent"
        self.client_secrets.append((await self._api.put(path, json=TEN_EUROS)).json()["client_secret"])
        confirm = {"confirmation_token": self.confirmation_tokens[0], "return_url": "https://shop.example/back"}
        for amount in (999, 1000):
            self.answers.append(await self._api.post(f"{path}/confirm", json=confirm | {"amount": amount}))

    async def do_wrong(self, key: str) -> None:
        """Send secrets where they do not belong."""
        secret, token = self.client_secrets[0], self.tokens[0]
        send = self._api.request
        self.answers += [
            await send("GET", CART, headers={"Authorization": f"Bearer {WRONG_KEY}"}),
            await send("GET", CART, headers={"Authorization": f"Basic {WRONG_KEY}"}),
            await send("GET", CART, headers={"Authorization": f"Bearer {token}x"}),
            await send("PUT", CART, headers={"Authorization": f"Bearer {token}"}, json=TEN_EUROS),
            await send("GET", f"/v1/carts/{secret}/payment-intent"),
            await send("GET", f"/{key}"),
            await send("GET", f"/v1/carts/{token}%20/payment-intent"),
            await send("PUT", CART, json={"amount": key, "currency": secret, token: 1}),
            await send("PUT", CART, content=f'{{"amount": {secret}'),
            await send("PUT", CART, content=key.encode() * 2000),
            await send("PUT", CART, json=TEN_EUROS | {"metadata": {f"[{key}]": "x"}}),
            await send("GET", "/v1/carts/c1/attempts", params={"after": token, "limit": key}),
            await send("POST", "/v1/stripe/webhook", json={"secret": secret}, headers={"Stripe-Signature": key}),
            await send("DELETE", CART, params={"key": key}),
        ]
        assert all(answer.is_error for answer in self.answers[-14:])

    async def meet_a_broken_stripe(self) -> None:
        for fault in ("fail_next", "malformed_next", "rate_limit_next"):
            await getattr(self._sandbox, fault)(path="/v1/payment_intents*", count=3)
            self.answers.append(await self._api.put("/v1/carts/c3/payment-intent", json=TEN_EUROS))
            await self._sandbox.clear_faults()
        self.answers.append(await self._api.put("/v1/carts/c4/payment-intent", json=TEN_EUROS | {"amount": 1}))


async def test_no_secret_is_left_in_logs_the_database_errors_or_metrics(
    settings: Settings,
    sandbox: SandboxClient,
    new_key: NewKey,
    database: Database,
    webhook_secret: str,
    tmp_path: Path,
) -> None:
    key = await new_key("payments:read", "payments:write")
    settings = settings.model_copy(update={"metrics_port": free_port()})
    log_file = tmp_path / "log"
    with log_file.open("wb") as log:
        async with (
            api_process(settings, log) as (_, url),
            _worker(settings, log),
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as api,
        ):
            await _lead_to(sandbox, url)
            flow = Flow(api, sandbox)
            await flow.pay()
            await flow.be_declined()
            await flow.pay_in_sessions()
            await flow.do_wrong(key)
            await flow.meet_a_broken_stripe()
            metrics = await api.get(f"http://127.0.0.1:{settings.metrics_port}/metrics")
            await sandbox.wait_idle()

    left = {
        "logs": log_file.read_text(),
        "database": await database.dump(),
        "answers": "\n".join(f"{answer.headers} {answer.text}" for answer in flow.answers),
        "metrics": metrics.text,
    }
    secrets = {
        "API key": key.rsplit("_", 1)[1],
        "wrong key": WRONG_KEY.rsplit("_", 1)[1],
        "Stripe's key": SECRET_KEY,
        "webhook secret": webhook_secret,
        "signing key": SIGNING_KEY,
        "card number": CARD,
        "database password": settings.database_url.get_secret_value().partition("://")[2].partition("@")[0],
        **{f"client secret {n}": each.partition("_secret_")[2] for n, each in enumerate(flow.client_secrets)},
        **{f"session {n}": each.rpartition("_secret_")[2] for n, each in enumerate(flow.session_secrets)},
        **{f"confirmation token {n}": each for n, each in enumerate(flow.confirmation_tokens)},
        **{f"token {n}": each.rpartition(".")[2] for n, each in enumerate(flow.tokens)},
    }
    assert all(len(secret) >= 6 for secret in secrets.values())
    assert [(name, where) for name, secret in secrets.items() for where, text in left.items() if secret in text] == []
    # The search has something to search in.
    assert "payment_intent.succeeded" in left["logs"]
    assert "payment_intent.succeeded" in left["database"]
    assert key.split("_")[1] in left["database"]
    assert left["answers"].count('"code"') >= 15

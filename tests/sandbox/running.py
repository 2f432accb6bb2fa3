"""Sandboxes for the tests, each in a thread of its own on a free port, and an endpoint that receives webhooks."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import stripe
from aiohttp import web

from sandbox.config import SandboxConfig
from sandbox.server import make_server

SECRET_KEY = "sk_test_contract"
PUBLISHABLE_KEY = "pk_test_contract"
WEBHOOK_SECRET = "whsec_contract"
MANDATE: Any = {
    "customer_acceptance": {"type": "online", "online": {"ip_address": "127.0.0.1", "user_agent": "a browser"}}
}
"""What a server says of the shopper who accepted that a bank account is debited."""


@contextmanager
def running(config: SandboxConfig) -> Iterator[str]:
    """Run a sandbox and give its address."""
    server = make_server(config, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive(), "the sandbox did not start"
        assert time.monotonic() < deadline, "the sandbox did not start in time"
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


http = httpx.Client(trust_env=False, timeout=10)
"""For what the library does not do; one for all tests, because each new one loads the certificates."""


def client_of(url: str, *, key: str = SECRET_KEY, retries: int = 0) -> stripe.StripeClient:
    http = stripe.RequestsClient(timeout=10)
    return stripe.StripeClient(key, base_addresses={"api": url}, http_client=http, max_network_retries=retries)


@dataclass
class Received:
    event: dict[str, Any]
    signature: str
    payload: bytes


@dataclass
class Receiver:
    """An endpoint that answers `statuses` in turn and then 200, and keeps what it got."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay: float = 0.0

    @property
    def types(self) -> list[str]:
        return [entry.event["type"] for entry in self.received]

    @property
    def ids(self) -> list[str]:
        return [entry.event["id"] for entry in self.received]

    async def answer(self, request: web.Request) -> web.Response:
        payload = await request.read()
        await asyncio.sleep(self.delay)
        entry = Received(await request.json(), request.headers["Stripe-Signature"], payload)
        self.received.append(entry)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


def created(client: stripe.StripeClient, **params: Any) -> stripe.PaymentIntent:
    """Create a PaymentIntent over ten euros, or over what is given."""
    wanted: Any = {"amount": 1000, "currency": "eur", **params}
    return client.v1.payment_intents.create(wanted)


def confirmed(client: stripe.StripeClient, method: str = "pm_card_visa", **params: Any) -> stripe.PaymentIntent:
    """Create one and confirm it on the server; without redirects, so that no return_url is needed."""
    if method.startswith("pm_usBankAccount"):
        params = {"mandate_data": MANDATE, **params}
    wanted: Any = {
        "amount": 1000,
        "currency": "eur",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "confirm": True,
        "payment_method": method,
        **params,
    }
    return client.v1.payment_intents.create(wanted)


def charges_of(client: stripe.StripeClient, intent_id: str) -> list[stripe.Charge]:
    return client.v1.charges.list({"payment_intent": intent_id, "limit": 100}).data


TEA: dict[str, Any] = {
    "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}},
    "quantity": 2,
}


def opened(client: stripe.StripeClient, ui_mode: str = "hosted_page", **params: Any) -> stripe.checkout.Session:
    """Open a Checkout Session over two teas, ten euros."""
    place = "success_url" if ui_mode == "hosted_page" else "return_url"
    wanted: Any = {
        "mode": "payment",
        "ui_mode": ui_mode,
        place: "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "line_items": [TEA],
        "metadata": {"cart": "c1"},
        "payment_intent_data": {"metadata": {"cart": "c1"}},
        **params,
    }
    given: Any = {name: value for name, value in wanted.items() if value is not None}
    return client.v1.checkout.sessions.create(given)

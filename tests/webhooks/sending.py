"""Events as Stripe sends them: signed bodies, and those that the sandbox made."""

import json
import time
from typing import Any

import httpx
from stripe import WebhookSignature

from app.resources import Resources
from app.stripe_gateway import StripeEvent
from app.webhooks import ingest
from sandbox.client import SandboxClient
from tests.conftest import WEBHOOK_SECRET

URL = "/v1/stripe/webhook"
CART = "/v1/carts/c1/payment-intent"
ATTEMPTS = "/v1/carts/c1/attempts"
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur", "cart_version": 7}


def signature(body: bytes) -> str:
    return str(WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET, int(time.time())))


async def send(client: httpx.AsyncClient, event: dict[str, Any] | bytes) -> httpx.Response:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return await client.post(URL, content=body, headers={"Stripe-Signature": signature(body)})


async def take_all(resources: Resources, sandbox: SandboxClient, *, kind: str = "") -> list[str]:
    """Record the events that the sandbox made and lost, in order."""
    events = [event for event in await sandbox.events() if event["type"].startswith(kind)]
    return [await ingest.ingest(resources, StripeEvent.parse(event)) for event in events]


async def put(api: httpx.AsyncClient, **changes: Any) -> str:
    """Create the PaymentIntent of the cart; return Stripe's id."""
    answer = await api.put(CART, json=TEN_EUROS | changes)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["stripe_id"])


async def put_session(api: httpx.AsyncClient, **changes: Any) -> str:
    """Open a Checkout Session for the cart; return Stripe's id."""
    owed = TEN_EUROS | {"return_url": "https://shop.example/thanks"} | changes
    answer = await api.put("/v1/carts/c1/checkout-session", json=owed)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["checkout"]["stripe_id"])

"""The requests of each load, as bytes, for each of those that are compared."""

import itertools
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench import client
from bench.database import Payment, rows
from bench.stripe_objects import events, payment_intent, signature

Requests = Callable[[], Iterator[bytes]]  # makes a load's requests anew for each round

AMOUNT = 1000
MANY = [f"cart-{number}" for number in range(1, 501)]


def http(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole HTTP request."""
    known = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name.replace('_', '-')}: {value}" for name, value in (known | headers).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def webhooks(path: str, bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Sign each event when it is sent."""
    for body in bodies:
        yield http("POST", path, body, Stripe_Signature=signature(body))


def in_stages(intents: Iterable[dict[str, Any]], at_once: int = 20) -> Iterator[bytes]:
    """Return the events of many payments as they arrive: those of one payment are apart in time."""
    remaining = iter(intents)
    while window := [events(intent) for intent in itertools.islice(remaining, at_once)]:
        for stage in zip(*window, strict=True):
            yield from stage


def new_intents(count: int) -> Iterator[dict[str, Any]]:
    """Return PaymentIntents that nobody knows yet, for those who take any."""
    for _ in range(count):
        yield payment_intent(f"pi_3{uuid.uuid4().hex[:23]}", AMOUNT, {"cart_id": "cart-1"})


class Peer:
    """Requests for the samples and for the sync engine."""

    def create(self) -> Iterator[bytes]:
        for number in itertools.count():
            body = json.dumps({"cart_id": f"new-{number}", "amount": AMOUNT, "currency": "eur"}).encode()
            yield http("POST", "/create", body)

    def read(self) -> Iterator[bytes]:
        for cart in itertools.cycle(MANY):
            yield http("GET", f"/carts/{cart}")

    def webhook(self, payments: int) -> Iterator[bytes]:
        return webhooks("/webhook", list(in_stages(new_intents(payments))))


@dataclass(frozen=True, slots=True)
class Template:
    """The cart that is copied: our id of its PaymentIntent, Stripe's, and the metadata that Stripe has of it."""

    cart: str
    id: str
    stripe_id: str
    metadata: dict[str, str]

    def intent(self, payment: Payment) -> dict[str, Any]:
        """Return a copy's PaymentIntent as Stripe would have it."""
        replaced = {self.id: str(payment.id), self.cart: payment.cart}
        metadata = {name: replaced.get(value, value) for name, value in self.metadata.items()}
        return payment_intent(payment.stripe_id, AMOUNT, metadata)

    def own_intent(self) -> dict[str, Any]:
        """Return the template's own PaymentIntent."""
        return payment_intent(self.stripe_id, AMOUNT, self.metadata)


class Service:
    """Requests for the service."""

    def __init__(self, key: str) -> None:
        self._authorization = f"Bearer {key}"

    def put(self, carts: Iterable[str]) -> Iterator[bytes]:
        body = json.dumps({"amount": AMOUNT, "currency": "eur"}).encode()
        for cart in carts:
            yield http("PUT", f"/v1/carts/{cart}/payment-intent", body, Authorization=self._authorization)

    def create(self) -> Iterator[bytes]:
        run = uuid.uuid4().hex[:8]
        return self.put(f"new-{run}-{number}" for number in itertools.count())

    def read(self, carts: Iterable[str]) -> Iterator[bytes]:
        return self.get(f"/v1/carts/{cart}/payment-intent" for cart in carts)

    def secret(self, carts: Iterable[str]) -> Iterator[bytes]:
        return self.get(f"/v1/carts/{cart}/payment-intent/client-secret" for cart in carts)

    def webhook(self, bodies: Iterable[bytes]) -> Iterator[bytes]:
        return webhooks("/v1/stripe/webhook", bodies)

    def get(self, paths: Iterable[str]) -> Iterator[bytes]:
        for path in paths:
            yield http("GET", path, Authorization=self._authorization)

    async def make_template(self, port: int, url: str, stripe_port: int, cart: str = "template") -> Template:
        """Create a cart through the API, to be copied; ask Stripe's stand-in what it has of it."""
        await client.send(port, self.put([cart]), connections=1)
        [row] = await rows(url, "payment intent of a cart", cart)
        asked = iter([http("GET", f"/v1/payment_intents/{row['stripe_id']}")])
        answer = await client.send(stripe_port, asked, connections=1, is_keeping=True)
        return Template(cart, str(row["id"]), row["stripe_id"], json.loads(answer.bodies[0])["metadata"])

"""A stand-in for api.stripe.com that costs almost nothing and answers after a settable time: stripe_stub.py PORT.

It creates, updates, cancels and retrieves PaymentIntents, honours idempotency keys and names its account; it checks
nothing and sends no webhooks. The sandbox does all that, but a create costs it four times the CPU time (0.6 ms), a
quarter of what the sample itself needs, and on a small machine both share the cores. `POST /latency/{ms}` sets how long
each answer takes, up to a fifth more or less: with one fixed time, client and server fall into step.
"""

import asyncio
import json
import random
import sys
import uuid
from typing import Any, cast
from urllib.parse import parse_qsl

import httptools
import uvloop

from bench.stripe_objects import API_VERSION, payment_intent

JITTER = 0.2
COLLECTION = "/v1/payment_intents"
ACCOUNT = {"id": "acct_1TmX5aLkdIwHu7ix", "object": "account", "business_profile": {"name": "bench"}}


class Stripe:
    """What has been created, and how long each answer takes."""

    def __init__(self) -> None:
        self.latency = 0.0
        self._by_id: dict[str, dict[str, Any]] = {}
        self._by_key: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, key: str | None, form: dict[str, str]) -> dict[str, Any]:
        """Answer one call; a create call with a known key gets what the first one created."""
        if path == COLLECTION and method == "POST":
            return self._create(form, key)
        if path.startswith(f"{COLLECTION}/"):
            stripe_id, _, action = path.removeprefix(f"{COLLECTION}/").partition("/")
            return self._change(self._by_id[stripe_id], form, is_canceled=action == "cancel")
        if path == "/v1/account":
            return ACCOUNT
        return {"object": "list", "data": [], "has_more": False, "url": path}

    def _create(self, form: dict[str, str], key: str | None) -> dict[str, Any]:
        if key is not None and key in self._by_key:
            return self._by_key[key]
        amount, stripe_id = int(form["amount"]), f"pi_3{uuid.uuid4().hex[:23]}"
        made = payment_intent(stripe_id, amount, _metadata(form), **_texts(form))
        self._by_id[stripe_id] = made
        if key is not None:
            self._by_key[key] = made
        return made

    def _change(self, intent: dict[str, Any], form: dict[str, str], *, is_canceled: bool) -> dict[str, Any]:
        intent["metadata"] |= _metadata(form)
        intent |= _texts(form) | ({"amount": int(form["amount"])} if "amount" in form else {})
        return intent | {"status": "canceled"} if is_canceled else intent


def _metadata(form: dict[str, str]) -> dict[str, str]:
    return {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}


def _texts(form: dict[str, str]) -> dict[str, str]:
    known = ("currency", "description", "receipt_email", "capture_method", "statement_descriptor_suffix")
    return {name: form[name] for name in known if name in form}


class Connection(asyncio.Protocol):
    """One connection: raw, since a framework would cost more than what is measured."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._parser = httptools.HttpRequestParser(self)
        self._key: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._key, self._body = b"", None, b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"idempotency-key":
            self._key = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path = self._path.decode().partition("?")[0]
        if path.startswith("/latency/"):
            self._stripe.latency = float(path.removeprefix("/latency/")) / 1000
            self._transport.write(_response({}))
            return
        form = dict(parse_qsl(self._body.decode()))
        try:
            response = _response(self._stripe.answer(self._parser.get_method().decode(), path, self._key, form))
        except KeyError as missing:
            response = _response({"error": {"type": "invalid_request_error", "message": str(missing)}}, "404 Not Found")
        delay = self._stripe.latency * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - it guards nothing
        asyncio.get_running_loop().call_later(delay, self._transport.write, response)


def _response(answer: dict[str, Any], status: str = "200 OK") -> bytes:
    body = json.dumps(answer).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nRequest-Id: req_bench\r\n"
        f"Stripe-Version: {API_VERSION}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _serve(port: int) -> None:
    stripe = Stripe()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stripe), "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))

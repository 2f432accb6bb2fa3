"""Stripe's events: their signature is checked, and each is recorded once."""

import json
import time
from operator import itemgetter
from typing import Any

import httpx
import pytest
from stripe import WebhookSignature

from sandbox.client import SandboxClient
from tests.conftest import WEBHOOK_SECRET
from tests.database import Database

URL = "/v1/stripe/webhook"
CART = "/v1/carts/c1/payment-intent"


def _event(**changes: Any) -> dict[str, Any]:
    intent = {"id": "pi_other", "object": "payment_intent", "status": "succeeded", "amount": 1, "currency": "eur"}
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1, "livemode": False}
    return event | {"data": {"object": intent}} | changes


async def _send(client: httpx.AsyncClient, body: bytes, *, at: int = 0, secret: str = WEBHOOK_SECRET) -> httpx.Response:
    """Send a body signed as Stripe signs, `at` seconds from now."""
    signed = body.decode("utf-8", "surrogateescape")
    header = WebhookSignature.generate_signature_header(signed, secret, int(time.time()) + at)
    return await client.post(URL, content=body, headers={"Stripe-Signature": header})


async def test_a_duplicate_is_recorded_once(api: httpx.AsyncClient, sandbox: SandboxClient, database: Database) -> None:
    stripe_id = (await api.put(CART, json={"amount": 1000, "currency": "eur"})).json()["stripe_id"]
    await sandbox.duplicate_webhooks(3)
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    events = sorted(await database.domain_events(), key=itemgetter("sequence"))
    assert [event["type"] for event in events] == [
        "payment.opened",
        "attempt.succeeded",
        "payment.succeeded",
    ]
    assert [event["sequence"] for event in events] == [1, 2, 3]


async def test_an_event_that_is_sent_again_is_a_duplicate(anonymous: httpx.AsyncClient) -> None:
    body = json.dumps(_event()).encode()
    first, second = await _send(anonymous, body), await _send(anonymous, body)
    assert (first.status_code, first.json()) == (200, {"outcome": "ignored"})
    assert (second.status_code, second.json()) == (200, {"outcome": "duplicate"})


@pytest.mark.parametrize(
    "header",
    [None, "", "t=1", "t=1,v1=", "v1=abc", "t=x,v1=abc", "t=1,v1=é", "nonsense", "t=,v1="],
    ids=[
        "none",
        "empty",
        "no signature",
        "an empty signature",
        "no time",
        "no number",
        "not ASCII",
        "nonsense",
        "all empty",
    ],
)
async def test_a_malformed_signature_is_refused(anonymous: httpx.AsyncClient, header: str | None) -> None:
    headers = [] if header is None else [(b"Stripe-Signature", header.encode())]
    answer = await anonymous.post(URL, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")


@pytest.mark.parametrize(
    ("at", "secret"),
    [(0, "whsec_wrong"), (-400, WEBHOOK_SECRET), (400, WEBHOOK_SECRET)],
    ids=["forged", "old", "future"],
)
async def test_a_wrong_or_old_signature_is_refused(anonymous: httpx.AsyncClient, at: int, secret: str) -> None:
    answer = await _send(anonymous, json.dumps(_event()).encode(), at=at, secret=secret)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")


BODIES: dict[str, bytes] = {
    "no JSON": b"hello",
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "an object": b"{}",
    "a thin event": json.dumps({"object": "v2.core.event", "id": "evt_1", "type": "v1.charge.failed"}).encode(),
    "no data": json.dumps({"id": "evt_1", "object": "event", "type": "x", "created": 1}).encode(),
    "an object of text": json.dumps(_event(data={"object": "pi_1"})).encode(),
    "an id of a number": json.dumps(_event(id=5)).encode(),
    "a time out of range": json.dumps(_event(created=10**30)).encode(),
    "an amount of text": json.dumps(
        _event(data={"object": {"id": "pi", "object": "payment_intent", "status": "x", "amount": "1", "currency": "e"}})
    ).encode(),
    "a PaymentIntent without a status": json.dumps(
        _event(data={"object": {"id": "pi_1", "object": "payment_intent"}})
    ).encode(),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_signed_body_that_is_no_event_is_refused(anonymous: httpx.AsyncClient, name: str) -> None:
    answer = await _send(anonymous, BODIES[name])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_event")


async def test_bytes_that_are_no_text_are_refused(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(URL, content=b"\xff\xfe", headers={"Stripe-Signature": f"t={int(time.time())},v1=0"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")


async def test_any_of_several_secrets_proves_an_event(anonymous: httpx.AsyncClient) -> None:
    body = json.dumps(_event())
    now = int(time.time())
    both = [WebhookSignature.generate_signature_header(body, secret, now) for secret in ("whsec_old", WEBHOOK_SECRET)]
    header = both[0] + "," + both[1].partition(",")[2]
    answer = await anonymous.post(URL, content=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 200


async def test_an_event_of_another_installation_is_ignored(api: httpx.AsyncClient, database: Database) -> None:
    ours = (await api.put(CART, json={"amount": 1000, "currency": "eur"})).json()
    metadata = {"instance": "staging", "payment_intent_id": ours["id"]}
    intent = {"id": "pi_x", "object": "payment_intent", "status": "canceled", "amount": 1, "currency": "eur"}
    answer = await _send(api, json.dumps(_event(data={"object": intent | {"metadata": metadata}})).encode())
    assert answer.json() == {"outcome": "ignored"}
    assert (await api.get(CART)).json()["status"] == "requires_payment_method"
    outcomes = {event["id"]: event["outcome"] for event in await database.webhook_events()}
    assert outcomes["evt_1"] == "ignored"


async def test_an_event_that_could_not_be_recorded_is_recorded_when_it_is_sent_again(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    stripe_id = (await api.put(CART, json={"amount": 1000, "currency": "eur"})).json()["stripe_id"]
    async with database.without_attempts():
        await sandbox.confirm(stripe_id)
        await sandbox.deliver_pending()
        stored = await database.webhook_events("charge%")
    await sandbox.wait_idle()
    assert stored == []
    assert (await api.get(CART)).json()["attempts"]["count"] == 1
    assert (await api.get(CART)).json()["status"] == "succeeded"

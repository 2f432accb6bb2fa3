"""What callers get while Stripe is slow, away, limits us or refuses: nothing is created twice."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from stripe import WebhookSignature

from app.resources import Resources
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.conftest import TLS, WEBHOOK_SECRET, NewKey, serving
from tests.database import Database
from tests.waiting import until_held

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur"}
CREATE = "/v1/payment_intents"

ServedWith = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def served_with(
    settings: Settings, resources: Resources, new_key: NewKey, api_socket: socket.socket, api_url: str
) -> ServedWith:
    """Return a function that serves the API with some settings changed."""

    @asynccontextmanager
    async def begin(**changes: object) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {await new_key('payments:read', 'payments:write')}"}
        async with (
            serving(settings.model_copy(update=changes), api_socket),
            httpx.AsyncClient(base_url=api_url, headers=headers, trust_env=False, timeout=15, verify=TLS) as client,
        ):
            yield client

    return begin


@pytest.mark.parametrize(
    "trouble",
    ["rate_limit_next", "lock_timeout_next", "conflict_next", "drop_next", "fail_next", "lose_next_answer"],
)
async def test_a_fault_that_passes_soon_is_retried_without_the_caller(
    api: httpx.AsyncClient, sandbox: SandboxClient, trouble: str
) -> None:
    await getattr(sandbox, trouble)(path=CREATE, count=2)
    answer = await api.put(CART, json=TEN_EUROS)

    assert answer.status_code == 201
    assert await sandbox.count("payment_intents") == 1
    keys = [request["idempotency_key"] for request in await sandbox.requests() if request["method"] == "POST"]
    assert keys == [f"payment_intent:{answer.json()['id']}:create"] * 3


@pytest.mark.parametrize("trouble", ["rate_limit_next", "lock_timeout_next"])
async def test_what_a_rate_limit_refused_leaves_nothing_unknown(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database, trouble: str
) -> None:
    await getattr(sandbox, trouble)(path=CREATE, count=3)
    limited = await api.put(CART, json=TEN_EUROS)
    doubts = await database.unsynced_references()
    again = await api.put(CART, json=TEN_EUROS)

    assert (limited.status_code, limited.json()["code"]) == (503, "stripe_unavailable")
    assert "limiting" in limited.json()["detail"]
    assert limited.headers["retry-after"] == "2"
    assert doubts == []
    assert again.status_code == 201


async def test_an_unknown_outcome_is_checked_again_later(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path=CREATE, count=3)
    lost = await api.put(CART, json=TEN_EUROS)
    assert lost.status_code == 503
    assert await database.unsynced_references() == ["c1"]


async def test_retry_after_is_passed_on(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await sandbox.rate_limit_next(path=CREATE, headers={"Retry-After": "30"})
    limited = await api.put(CART, json=TEN_EUROS)
    assert (limited.status_code, limited.headers["retry-after"]) == (503, "30")


async def test_a_caller_is_answered_although_stripe_never_answers(
    api: httpx.AsyncClient, cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.hold(CREATE)
    unknown = await api.put(CART, json=TEN_EUROS)
    is_held = await sandbox.held()
    in_doubt = await database.unsynced_references()
    await sandbox.release()
    again = await cart.put_until_known()

    assert (unknown.status_code, unknown.json()["code"]) == (503, "stripe_unavailable")
    assert is_held
    assert in_doubt == ["c1"]
    assert again.status_code == 201
    assert await sandbox.count("payment_intents") == 1


def _signed(body: bytes) -> dict[str, str]:
    return {
        "Stripe-Signature": WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET, int(time.time()))
    }


async def test_a_call_beyond_the_bound_is_refused_at_once_and_leaves_nothing_unknown(
    served_with: ServedWith, sandbox: SandboxClient, database: Database
) -> None:
    intent = TEN_EUROS | {"id": "pi_other", "object": "payment_intent", "status": "requires_payment_method"}
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.created", "created": 1, "livemode": False}
    body = json.dumps(event | {"data": {"object": intent}}).encode()
    async with served_with(max_stripe_calls=2) as api:
        await sandbox.hold(CREATE)
        first = [asyncio.create_task(api.put(f"/v1/carts/h{n}/payment-intent", json=TEN_EUROS)) for n in range(2)]
        await until_held(sandbox, 2)
        refused = await api.put(CART, json=TEN_EUROS)
        read = await api.get(CART)
        webhook = await api.post("/v1/stripe/webhook", content=body, headers=_signed(body))
        still_held = await sandbox.held()
        doubts = await database.unsynced_references()
        sent = [request["params"]["metadata"]["reference_id"] for request in await sandbox.requests()]
        await sandbox.release()
        await asyncio.gather(*first)
        again = await api.put(CART, json=TEN_EUROS)

    assert (refused.status_code, refused.json()["code"]) == (503, "stripe_unavailable")
    assert refused.json()["detail"].startswith("Too many calls to Stripe are under way.")
    assert "retry-after" in refused.headers
    assert still_held == 2  # neither the refusal nor what follows waited for them
    assert (read.status_code, webhook.status_code) == (200, 200)
    assert set(sent) == {"h0", "h1"}
    assert set(doubts) == {"h0", "h1"}  # they are under way; the refused one is not among them
    assert again.status_code == 201


async def test_a_wrong_stripe_key_is_a_502_and_not_the_callers_fault(
    served_with: ServedWith, sandbox: SandboxClient
) -> None:
    async with served_with(stripe_secret_key=SecretStr("sk_test_wrong")) as api:
        answer = await api.put(CART, json=TEN_EUROS)

    assert (answer.status_code, answer.json()["code"]) == (502, "stripe_misconfigured")
    assert "operators" in answer.json()["detail"]
    assert "sk_test" not in answer.text
    assert "retry-after" not in answer.headers
    assert len(await sandbox.requests()) == 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (TEN_EUROS | {"amount": 10}, "amount_too_small", "amount"),
        (TEN_EUROS | {"customer": "cus_missing"}, "resource_missing", "customer"),
    ],
    ids=["amount too small", "no such customer"],
)
async def test_what_stripe_refuses_is_answered_with_its_code_and_parameter(
    api: httpx.AsyncClient, sandbox: SandboxClient, body: dict[str, Any], code: str, param: str
) -> None:
    answer = await api.put(CART, json=body)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "stripe_refused")
    assert (told["stripe_code"], told["stripe_param"]) == (code, param)
    assert len(await sandbox.requests()) == 1


async def test_a_creation_that_failed_for_good_at_stripe_does_not_block_the_cart(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.fail_next(500, stored=True, path=CREATE)  # for a day, Stripe would only repeat it under this key
    failed = await api.put(CART, json=TEN_EUROS)
    again = await api.put(CART, json=TEN_EUROS)

    assert (failed.status_code, failed.json()["code"]) == (503, "stripe_unavailable")
    assert (again.status_code, again.json()["generation"]) == (201, 2)
    assert await sandbox.count("payment_intents") == 1
    assert [row["closed_reason"] for row in await database.payment_intents()] == ["failed", None]


async def test_what_stripe_made_before_it_failed_for_good_is_found(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await sandbox.fail_next(500, stored=True, done=True, path=CREATE)
    answer = await api.put(CART, json=TEN_EUROS)

    assert (answer.status_code, answer.json()["generation"]) == (201, 1)
    assert [intent["id"] for intent in await sandbox.objects("payment_intents")] == [answer.json()["stripe_id"]]


async def test_an_update_that_failed_for_good_at_stripe_is_sent_anew(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await api.put(CART, json=TEN_EUROS)
    await sandbox.fail_next(500, stored=True, path=f"{CREATE}/*")
    answer = await api.put(CART, json=TEN_EUROS | {"amount": 2000})

    assert (answer.status_code, answer.json()["amount"]) == (200, 2000)
    assert [intent["amount"] for intent in await sandbox.objects("payment_intents")] == [2000]


async def test_a_capture_that_keeps_failing_is_unknown_and_not_refused(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    held = (await api.put(CART, json=TEN_EUROS | {"capture_method": "manual"})).json()
    await sandbox.confirm(held["stripe_id"])
    await sandbox.wait_idle()
    await sandbox.fail_next(500, stored=True, path=f"{CREATE}/*/capture", count=20)
    unknown = await api.post(f"{CART}/capture", json={})
    await sandbox.clear_faults()
    captured = await api.post(f"{CART}/capture", json={})

    assert unknown.status_code == 503
    assert (captured.status_code, captured.json()["amount_received"]) == (200, 1000)

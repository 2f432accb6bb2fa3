"""Cancel, capture and move: done already is done, and what can't be is told."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.conftest import Jobs

CART = "/v1/carts/c1/payment-intent"
SESSION = "/v1/sessions/s1/payment-intent"
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur"}
MANUAL: dict[str, Any] = TEN_EUROS | {"capture_method": "manual"}


async def _create(api: httpx.AsyncClient, url: str = CART, body: dict[str, Any] = TEN_EUROS) -> dict[str, Any]:
    created: dict[str, Any] = (await api.put(url, json=body)).json()
    return created


@pytest.fixture
async def held(api: httpx.AsyncClient, sandbox: SandboxClient) -> dict[str, Any]:
    """Give a PaymentIntent whose money is held at Stripe; whether we know it yet is left to chance."""
    created = await _create(api, body=MANUAL)
    await sandbox.confirm(created["stripe_id"])
    return created


# Cancel.


async def test_cancelling_ends_it_at_stripe_with_the_reason(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await _create(api)
    answer = await api.post(f"{CART}/cancel", json={"reason": "requested_by_customer"})
    again = await api.post(f"{CART}/cancel", json={})
    [intent] = await sandbox.objects("payment_intents")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "requested_by_customer")


async def test_many_cancels_at_once_are_one(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await _create(api)
    await sandbox.clear_requests()
    answers = await asyncio.gather(*(api.post(f"{CART}/cancel", json={}) for _ in range(10)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "canceled")}
    assert len(await sandbox.requests()) == 1


async def test_a_paid_one_is_not_cancelled_also_when_the_webhook_is_late(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    created = await _create(api)
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    answer = await api.post(f"{CART}/cancel", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")
    assert (await api.get(CART)).json()["status"] == "succeeded"
    await sandbox.restore_webhooks()


async def test_held_money_is_released_by_a_cancel(
    api: httpx.AsyncClient, sandbox: SandboxClient, held: dict[str, Any]
) -> None:
    answer = await api.post(f"{CART}/cancel", json={"payment_intent": held["stripe_id"]})
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")


async def test_a_cancel_names_the_one_it_means(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    first = await _create(api)
    await api.post(f"{CART}/cancel", json={})
    second = await _create(api)
    late = await api.post(f"{CART}/cancel", json={"payment_intent": first["id"]})
    unknown = await api.post(f"{CART}/cancel", json={"payment_intent": "pi_unknown"})
    state = (await api.get(CART)).json()
    assert (late.status_code, late.json()["generation"], late.json()["status"]) == (200, 1, "canceled")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "payment_intent_not_found")
    assert (state["stripe_id"], state["status"]) == (second["stripe_id"], "requires_payment_method")


async def test_a_cancel_that_stripe_did_not_answer_stands(
    api: httpx.AsyncClient, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await _create(api)
    await sandbox.drop_next(path="/v1/payment_intents/*/cancel", count=3)
    lost = await api.post(f"{CART}/cancel", json={"reason": "duplicate"})
    secret = await api.get(f"{CART}/client-secret")
    again = await api.post(f"{CART}/cancel", json={})
    assert (lost.status_code, lost.json()["code"]) == (503, "stripe_unavailable")
    assert secret.status_code == 409
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


async def test_a_claim_that_stripe_never_answered_can_be_cancelled(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    await api.put(CART, json=TEN_EUROS)
    answer = await api.post(f"{CART}/cancel", json={})
    [intent] = await sandbox.objects("payment_intents")
    assert (answer.status_code, intent["status"]) == (200, "canceled")


@pytest.mark.parametrize("command", ["cancel", "capture"])
async def test_nothing_can_be_done_with_an_unknown_cart(
    api: httpx.AsyncClient, sandbox: SandboxClient, command: str
) -> None:
    answer = await api.post(f"/v1/carts/none/payment-intent/{command}", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")
    assert await sandbox.requests() == []


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("cancel", {"reason": "because"}, "reason"),
        ("cancel", {"payment_intent": "42"}, "payment_intent"),
        ("capture", {"amount": 0}, "amount"),
        ("capture", {"amount": 1.5}, "amount"),
        ("capture", {"everything": True}, "everything"),
    ],
    ids=["odd reason", "odd PaymentIntent", "capture of nothing", "capture of a fraction", "unknown field"],
)
async def test_wrong_input_is_named(api: httpx.AsyncClient, command: str, body: dict[str, Any], field: str) -> None:
    answer = await api.post(f"{CART}/{command}", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


# Capture.


async def test_held_money_is_captured(api: httpx.AsyncClient, sandbox: SandboxClient, held: dict[str, Any]) -> None:
    answer = await api.post(f"{CART}/capture", json={})
    again = await api.post(f"{CART}/capture", json={})
    [intent] = await sandbox.objects("payment_intents")
    assert (answer.status_code, answer.json()["status"], answer.json()["amount_received"]) == (200, "succeeded", 1000)
    assert again.status_code == 200
    assert intent["amount_received"] == 1000


async def test_a_part_can_be_captured_and_is_what_was_owed(
    api: httpx.AsyncClient, sandbox: SandboxClient, held: dict[str, Any]
) -> None:
    answer = await api.post(f"{CART}/capture", json={"amount": 600, "payment_intent": held["id"]})
    other = await api.post(f"{CART}/capture", json={"amount": 700})
    assert (answer.status_code, answer.json()["amount_received"], answer.json()["flags"]) == (200, 600, [])
    assert (other.status_code, other.json()["code"]) == (409, "already_paid")


async def test_more_than_is_held_is_not_captured(
    api: httpx.AsyncClient, sandbox: SandboxClient, held: dict[str, Any]
) -> None:
    answer = await api.post(f"{CART}/capture", json={"amount": 1001})
    assert (answer.status_code, answer.json()["code"]) == (409, "capture_exceeds_authorization")
    assert answer.json()["amount_capturable"] == 1000


async def test_what_is_not_held_is_not_captured(api: httpx.AsyncClient) -> None:
    await _create(api)
    answer = await api.post(f"{CART}/capture", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_capturable")


async def test_a_capture_whose_answer_was_lost_is_found(
    api: httpx.AsyncClient, sandbox: SandboxClient, held: dict[str, Any]
) -> None:
    await sandbox.lose_next_answer(path="/v1/payment_intents/*/capture", count=3)
    lost = await api.post(f"{CART}/capture", json={"amount": 600})
    again = await api.post(f"{CART}/capture", json={"amount": 600})
    [intent] = await sandbox.objects("payment_intents")
    assert lost.status_code in {200, 503}
    assert (again.status_code, again.json()["amount_received"], intent["amount_received"]) == (200, 600, 600)


async def test_racing_captures_of_two_amounts_capture_one(
    api: httpx.AsyncClient, sandbox: SandboxClient, held: dict[str, Any]
) -> None:
    answers = await asyncio.gather(*(api.post(f"{CART}/capture", json={"amount": 500 + n}) for n in range(6)))
    [intent] = await sandbox.objects("payment_intents")
    done = [answer.json()["amount_received"] for answer in answers if answer.status_code == 200]
    assert done == [intent["amount_received"]]
    assert {answer.status_code for answer in answers} == {200, 409}


# Move.


async def test_a_sessions_payment_intent_moves_to_a_cart(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    created = await _create(api, SESSION)
    moved = await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    again = await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    [intent] = await sandbox.objects("payment_intents")
    assert (moved.status_code, moved.json()["id"], moved.json()["is_synced"]) == (200, created["id"], True)
    assert moved.json()["reference"] == {"kind": "cart", "id": "c1"}
    assert again.status_code == 200
    assert (intent["metadata"]["reference_kind"], intent["metadata"]["reference_id"]) == ("cart", "c1")


async def test_a_moved_session_names_its_cart(api: httpx.AsyncClient) -> None:
    await _create(api, SESSION)
    await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    answers = [
        await api.get(SESSION),
        await api.put(SESSION, json=TEN_EUROS),
        await api.get(f"{SESSION}/client-secret"),
        await api.post(f"{SESSION}/cancel", json={}),
        await api.get("/v1/sessions/s1/attempts"),
        await api.post(f"{SESSION}/move", json={"cart_id": "c2"}),
    ]
    assert [(answer.status_code, answer.json()["code"], answer.json()["cart_id"]) for answer in answers] == [
        (409, "moved", "c1")
    ] * 6


async def test_webhooks_follow_a_moved_payment_intent(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    created = await _create(api, SESSION)
    await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    await sandbox.confirm(created["stripe_id"])
    await sandbox.wait_idle()
    assert (await api.get(CART)).json()["status"] == "succeeded"
    assert len((await api.get("/v1/carts/c1/attempts")).json()["data"]) == 1


async def test_a_cart_with_a_live_payment_intent_takes_no_other(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await _create(api, SESSION)
    await _create(api, CART)
    refused = await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    await api.post(f"{CART}/cancel", json={})
    moved = await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "cart_has_payment_intent")
    assert (moved.status_code, moved.json()["generation"]) == (200, 2)


async def test_a_moved_payment_intent_is_updated_by_its_cart(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await _create(api, SESSION)
    await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    answer = await api.put(CART, json={"amount": 2000, "currency": "eur"})
    [intent] = await sandbox.objects("payment_intents")
    assert (answer.status_code, answer.json()["amount"], intent["amount"]) == (200, 2000, 2000)


async def test_a_session_without_a_payment_intent_has_nothing_to_move(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")
    assert (await api.get(CART)).status_code == 404


async def test_only_sessions_move(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{CART}/move", json={"cart_id": "c2"})
    assert answer.status_code in {404, 405}


async def test_two_sessions_race_to_one_cart_and_one_gets_there(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    for name in ("s1", "s2"):
        await _create(api, f"/v1/sessions/{name}/payment-intent")
    moves = (api.post(f"/v1/sessions/{name}/payment-intent/move", json={"cart_id": "c1"}) for name in ("s1", "s2"))
    answers = await asyncio.gather(*moves)
    assert sorted(answer.status_code for answer in answers) == [200, 409]


# Asking Stripe.


async def test_asking_shows_what_no_webhook_told_at_most_once_in_a_while(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await sandbox.pause_webhooks()  # that of the creation too, which may come while Stripe is asked
    created = await _create(api)
    await sandbox.confirm(created["stripe_id"], "pm_card_threeDSecure2Required")
    await sandbox.clear_requests()
    asked = await api.get(CART, params={"sync": "true"})
    again = await api.get(CART, params={"sync": "true"})
    assert asked.json()["status"] == again.json()["status"] == "requires_action"
    assert len(await sandbox.requests()) == 1
    await sandbox.restore_webhooks()

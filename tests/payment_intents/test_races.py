"""What happens between two steps: others write, Stripe answers oddly, and still one PaymentIntent and one truth."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.payment_intents import recovery, service
from app.payment_intents.errors import SyncPending
from app.payment_intents.protocol.terms import Reference
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.database import CREATED, Database
from tests.waiting import until, until_held

CART = "/v1/carts/c1/payment-intent"
SESSION = "/v1/sessions/s1/payment-intent"
TEN_EUROS: dict[str, Any] = {"amount": 1000, "currency": "eur"}
TWENTY_EUROS: dict[str, Any] = {"amount": 2000, "currency": "eur"}
TOO_SMALL: dict[str, Any] = {"amount": 10, "currency": "eur"}
EACH, ALL_OF_ONE = "/v1/payment_intents", "/v1/payment_intents/*"


async def _put_until_requested(api: httpx.AsyncClient, body: dict[str, Any]) -> asyncio.Task[httpx.Response]:
    """Send a PUT and come back when its request is committed, though not answered."""
    put = asyncio.create_task(api.put(CART, json=body))

    async def is_requested() -> bool:
        answer = await api.get(CART)
        return bool(answer.is_success and answer.json()["requested_amount"] == body["amount"])

    await until(is_requested, f"an amount of {body['amount']} is requested")
    return put


# A writer at work.


async def test_no_client_secret_while_an_update_is_on_its_way(api: httpx.AsyncClient, sandbox: SandboxClient) -> None:
    await api.put(CART, json=TEN_EUROS)
    await sandbox.hold(ALL_OF_ONE, method="POST", after_work=True)
    there = await _put_until_requested(api, TWENTY_EUROS)
    await until_held(sandbox)
    back = await _put_until_requested(api, TEN_EUROS)  # what our row says Stripe holds; Stripe holds 20 €
    state, secret = await api.get(CART), await api.get(f"{CART}/client-secret")
    await sandbox.release()
    answers = await asyncio.gather(there, back)
    [intent] = await sandbox.objects("payment_intents")

    assert not state.json()["is_synced"]
    assert (secret.status_code, secret.json()["code"]) == (503, "sync_pending")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert intent["amount"] == 1000


async def test_a_request_that_a_refused_one_displaced_is_not_said_to_stand(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await api.put(CART, json=TEN_EUROS)
    await sandbox.hold(ALL_OF_ONE, method="POST")
    first = await _put_until_requested(api, TEN_EUROS | {"amount": 1500})
    await until_held(sandbox)
    displaced = await _put_until_requested(api, TWENTY_EUROS)
    refused = await _put_until_requested(api, TOO_SMALL)
    await sandbox.release()
    answers = await asyncio.gather(first, displaced, refused)
    again = await api.put(CART, json=TWENTY_EUROS)
    [intent] = await sandbox.objects("payment_intents")

    assert [answer.status_code for answer in answers] == [200, 503, 422]
    assert (again.status_code, again.json()["amount"], intent["amount"]) == (200, 2000, 2000)


async def test_of_racing_first_requests_the_refused_ones_open_a_generation_at_most_twice(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await sandbox.hold(EACH, method="POST")
    refused = await _put_until_requested(api, TOO_SMALL)
    await until_held(sandbox)
    displaced = await _put_until_requested(api, TEN_EUROS)
    newest = await _put_until_requested(api, TOO_SMALL | {"amount": 20})
    await sandbox.release()
    answers = await asyncio.gather(refused, displaced, newest)
    again = await api.put(CART, json=TEN_EUROS)

    assert [answer.status_code for answer in answers] == [422, 503, 422]
    assert again.status_code == 201
    assert again.json()["generation"] <= 4
    assert await sandbox.count("payment_intents") == 1


async def test_a_client_secret_asked_of_stripe_meanwhile_says_nothing_about_the_next_generation(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources
) -> None:
    await api.put(CART, json=TEN_EUROS)
    await sandbox.hold(ALL_OF_ONE, method="GET")
    secret = asyncio.create_task(service.client_secret(resources, Reference("cart", "c1")))  # nothing in its memory
    await until_held(sandbox)
    await api.post(f"{CART}/cancel", json={})
    await sandbox.hold(EACH, method="POST")
    second = asyncio.create_task(api.put(CART, json=TWENTY_EUROS))
    await until_held(sandbox, 2)
    await sandbox.release(ALL_OF_ONE)
    with pytest.raises(SyncPending):
        await secret
    await sandbox.release()

    assert (await second).status_code == 201
    assert (await second).json()["amount"] == 2000


async def test_what_stripe_must_be_asked_about_is_not_cancelled_as_abandoned(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    created = (await api.put(CART, json=TEN_EUROS | {"capture_method": "manual"})).json()
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await database.age(timedelta(hours=25))
    await database.need_refresh()
    await recovery.recover(resources, UUID(created["id"]))
    [intent] = await sandbox.objects("payment_intents")
    await sandbox.restore_webhooks()
    assert intent["status"] == "requires_capture"


# Generations.


async def test_an_order_that_follows_a_paid_one_still_does_after_its_first_try_was_cancelled(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    first = (await api.put(CART, json=TEN_EUROS)).json()
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    await api.put(CART, json=TWENTY_EUROS | {"previous_payment_intent": first["id"]})
    await api.post(f"{CART}/cancel", json={})
    third = (await api.put(CART, json=TWENTY_EUROS)).json()
    await sandbox.confirm(third["stripe_id"])
    await sandbox.wait_idle()
    state = (await api.get(CART)).json()
    assert (state["generation"], state["status"], state["flags"]) == (3, "succeeded", [])


async def test_two_payments_of_one_following_order_are_a_duplicate(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    first = (await api.put(CART, json=TEN_EUROS)).json()
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    body = TWENTY_EUROS | {"previous_payment_intent": first["id"]}
    second = (await api.put(CART, json=body)).json()
    await database.close(generation=2)
    third = (await api.put(CART, json=body)).json()
    await sandbox.confirm(third["stripe_id"])
    await sandbox.confirm(second["stripe_id"])
    await sandbox.wait_idle()
    await recovery.recover(resources, UUID(second["id"]))
    assert [row["flags"] for row in await database.payment_intents()] == [[], ["duplicate_payment"], []]


# A claim without an answer.


async def test_a_request_that_waited_while_its_session_was_moved_is_not_refused_since_it_went_along(
    api: httpx.AsyncClient, database: Database
) -> None:
    await api.put(SESSION, json=TEN_EUROS)
    await database.lease(timedelta(seconds=5))
    waiting = asyncio.create_task(api.put(SESSION, json=TWENTY_EUROS))

    async def is_requested() -> bool:
        return bool((await api.get(SESSION)).json()["requested_amount"] == 2000)

    await until(is_requested, "the new amount is requested")
    await database.attach_sessions_to("c1")
    answer, again = await waiting, await api.put(SESSION, json=TWENTY_EUROS)

    assert (answer.status_code, answer.json()["code"]) == (503, "sync_pending")
    assert (again.status_code, again.json()["code"], again.json()["cart_id"]) == (409, "moved", "c1")


async def test_a_claim_that_was_moved_is_still_found_at_stripe(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path=EACH, count=3)
    await api.put(SESSION, json=TEN_EUROS)
    await database.age(timedelta(hours=25), CREATED)
    await sandbox.age(25 * 3600)  # Stripe forgets the key
    moved = await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    await sandbox.restore_webhooks()
    assert moved.status_code == 200
    assert await sandbox.count("payment_intents") == 1


async def test_a_claim_whose_key_has_other_parameters_is_looked_for_and_not_given_up(
    api: httpx.AsyncClient, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path=EACH, count=3)
    await api.put(CART, json=TEN_EUROS)
    await database.add_create_params(description="Chairs")  # as a release would that renders them in another way
    again = await api.put(CART, json=TEN_EUROS)
    await sandbox.restore_webhooks()
    assert (again.status_code, again.json()["generation"]) == (201, 1)
    assert await sandbox.count("payment_intents") == 1


# Odd answers.


@pytest.mark.parametrize("command", ["put", "cancel"])
async def test_a_refusal_for_its_state_that_does_not_show_the_state_is_asked_about(
    api: httpx.AsyncClient, sandbox: SandboxClient, command: str
) -> None:
    created = (await api.put(CART, json=TEN_EUROS)).json()
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await sandbox.fail_next(400, code="payment_intent_unexpected_state", path=f"{ALL_OF_ONE}", method="POST")
    answer = await (api.put(CART, json=TWENTY_EUROS) if command == "put" else api.post(f"{CART}/cancel", json={}))
    await sandbox.restore_webhooks()
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")


async def test_a_payment_intent_that_stripe_does_not_know_is_not_the_callers_fault(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    await api.put(CART, json=TEN_EUROS)
    await sandbox.reset()  # as when the key is another account's
    answer = await api.put(CART, json=TWENTY_EUROS)
    state = (await api.get(CART)).json()
    assert (answer.status_code, answer.json()["code"]) == (502, "stripe_misconfigured")
    assert (state["generation"], state["requested_amount"], state["is_synced"]) == (1, 2000, False)
    assert await sandbox.count("payment_intents") == 0


async def test_a_moved_payment_intent_names_its_cart_at_stripe_also_when_stripe_is_asked_first(
    api: httpx.AsyncClient, sandbox: SandboxClient
) -> None:
    created = (await api.put(SESSION, json=TEN_EUROS)).json()
    await sandbox.confirm(created["stripe_id"], "pm_card_threeDSecure2Required")
    await sandbox.wait_idle()
    await api.post(f"{SESSION}/move", json={"cart_id": "c1"})
    [intent] = await sandbox.objects("payment_intents")
    assert (intent["metadata"]["reference_kind"], intent["metadata"]["reference_id"]) == ("cart", "c1")

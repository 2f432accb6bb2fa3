"""Others write between two steps, or Stripe answers unexpectedly: still one PaymentIntent, and both sides agree."""

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from app.payment_intents import recovery, service
from app.payment_intents.errors import SyncPending
from app.payment_intents.protocol.terms import Reference
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.database import CREATED, Database
from tests.waiting import until, until_held

TOO_SMALL = 10
EACH, ALL_OF_ONE = "/v1/payment_intents", "/v1/payment_intents/*"


async def _put_until_requested(cart: Cart, amount: int) -> asyncio.Task[httpx.Response]:
    """Send a PUT and come back when its request is committed, though not answered."""
    put = asyncio.create_task(cart.put(amount=amount))

    async def is_requested() -> bool:
        answer = await cart.get()
        return bool(answer.is_success and answer.json()["requested_amount"] == amount)

    await until(is_requested, f"an amount of {amount} is requested")
    return put


# A writer at work.


async def test_no_client_secret_while_an_update_is_on_its_way(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.put()
    await sandbox.hold(ALL_OF_ONE, method="POST", after_work=True)
    there = await _put_until_requested(cart, 2000)
    await until_held(sandbox)
    back = await _put_until_requested(cart, 1000)  # what our row says Stripe holds; Stripe holds 20 €
    state, secret = await cart.get(), await cart.client_secret()
    await sandbox.release()
    answers = await asyncio.gather(there, back)
    intent = await cart.at_stripe()

    assert not state.json()["is_synced"]
    assert (secret.status_code, secret.json()["code"]) == (503, "sync_pending")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert intent["amount"] == 1000


async def test_a_request_that_a_refused_one_replaced_is_not_answered_with_success(
    cart: Cart, sandbox: SandboxClient
) -> None:
    await cart.put()
    await sandbox.hold(ALL_OF_ONE, method="POST")
    first = await _put_until_requested(cart, 1500)
    await until_held(sandbox)
    displaced = await _put_until_requested(cart, 2000)
    refused = await _put_until_requested(cart, TOO_SMALL)
    await sandbox.release()
    answers = await asyncio.gather(first, displaced, refused)
    again = await cart.put(amount=2000)
    intent = await cart.at_stripe()

    assert [answer.status_code for answer in answers] == [200, 503, 422]
    assert (again.status_code, again.json()["amount"], intent["amount"]) == (200, 2000, 2000)


async def test_of_racing_first_requests_the_refused_ones_open_a_generation_at_most_twice(
    cart: Cart, sandbox: SandboxClient
) -> None:
    await sandbox.hold(EACH, method="POST")
    refused = await _put_until_requested(cart, TOO_SMALL)
    await until_held(sandbox)
    displaced = await _put_until_requested(cart, 1000)
    newest = await _put_until_requested(cart, 2 * TOO_SMALL)
    await sandbox.release()
    answers = await asyncio.gather(refused, displaced, newest)
    again = await cart.put()

    assert [answer.status_code for answer in answers] == [422, 503, 422]
    assert again.status_code == 201
    assert again.json()["generation"] <= 4
    assert await sandbox.count("payment_intents") == 1


async def test_a_client_secret_asked_of_stripe_meanwhile_says_nothing_about_the_next_generation(
    cart: Cart, sandbox: SandboxClient, resources: Resources
) -> None:
    await cart.put()
    await sandbox.hold(ALL_OF_ONE, method="GET")
    secret = asyncio.create_task(service.client_secret(resources, Reference("cart", "c1")))  # nothing in its memory
    await until_held(sandbox)
    await cart.cancel()
    await sandbox.hold(EACH, method="POST")
    second = asyncio.create_task(cart.put(amount=2000))
    await until_held(sandbox, 2)
    await sandbox.release(ALL_OF_ONE)
    with pytest.raises(SyncPending):
        await secret
    await sandbox.release()

    assert (await second).status_code == 201
    assert (await second).json()["amount"] == 2000


async def test_one_that_needs_a_refresh_is_not_cancelled_as_abandoned(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    created = await cart.owe(capture_method="manual")
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await database.age(timedelta(hours=25))
    await database.need_refresh()
    await recovery.recover(resources, UUID(created["id"]))
    intent = await cart.at_stripe()
    await sandbox.restore_webhooks()
    assert intent["status"] == "requires_capture"


# Generations.


async def test_an_order_that_follows_a_paid_one_still_does_after_its_first_try_was_cancelled(
    cart: Cart, sandbox: SandboxClient
) -> None:
    first = await cart.owe()
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    await cart.put(amount=2000, previous_payment_intent=first["id"])
    await cart.cancel()
    third = await cart.owe(amount=2000)
    await sandbox.confirm(third["stripe_id"])
    await sandbox.wait_idle()
    state = await cart.state()
    assert (state["generation"], state["status"], state["flags"]) == (3, "succeeded", [])


async def test_two_payments_of_one_following_order_are_a_duplicate(
    cart: Cart, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    first = await cart.owe()
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    body = {"amount": 2000, "previous_payment_intent": first["id"]}
    second = await cart.owe(**body)
    await database.close(generation=2)
    third = await cart.owe(**body)
    await sandbox.confirm(third["stripe_id"])
    await sandbox.confirm(second["stripe_id"])
    await sandbox.wait_idle()
    await recovery.recover(resources, UUID(second["id"]))
    assert [row["flags"] for row in await database.payment_intents()] == [
        [],
        ["duplicate_payment", "paid_after_close"],
        [],
    ]


# A claim without an answer.


async def test_a_request_that_waited_while_its_session_was_attached_is_answered_503_and_not_refused(
    session: Cart, database: Database
) -> None:
    await session.put()
    await database.lease(timedelta(seconds=5))
    waiting = asyncio.create_task(session.put(amount=2000))

    async def is_requested() -> bool:
        return bool((await session.state())["requested_amount"] == 2000)

    await until(is_requested, "the new amount is requested")
    await database.attach_sessions_to("c1")
    answer, again = await waiting, await session.put(amount=2000)

    assert (answer.status_code, answer.json()["code"]) == (503, "sync_pending")
    assert (again.status_code, again.json()["code"], again.json()["cart_id"]) == (409, "moved", "c1")


async def test_a_creation_without_an_answer_is_found_after_its_session_was_attached(
    session: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path=EACH, count=3)
    await session.put()
    await database.age(timedelta(hours=25), CREATED)
    await sandbox.age(25 * 3600)  # Stripe forgets the key
    moved = await session.attach_to("c1")
    await sandbox.restore_webhooks()
    assert moved.status_code == 200
    assert await sandbox.count("payment_intents") == 1


async def test_a_creation_whose_key_was_used_with_other_parameters_is_looked_for(
    cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path=EACH, count=3)
    await cart.put()
    await database.add_create_params(description="Chairs")  # as a release would that renders them in another way
    again = await cart.put()
    await sandbox.restore_webhooks()
    assert (again.status_code, again.json()["generation"]) == (201, 1)
    assert await sandbox.count("payment_intents") == 1


# Odd answers.


@pytest.mark.parametrize("command", ["put", "cancel"])
async def test_a_refusal_for_its_state_that_does_not_show_the_state_is_asked_about(
    cart: Cart, sandbox: SandboxClient, command: str
) -> None:
    created = await cart.owe()
    await sandbox.pause_webhooks()
    await sandbox.confirm(created["stripe_id"])
    await sandbox.fail_next(400, code="payment_intent_unexpected_state", path=f"{ALL_OF_ONE}", method="POST")
    answer = await (cart.put(amount=2000) if command == "put" else cart.cancel())
    await sandbox.restore_webhooks()
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")


async def test_a_payment_intent_that_stripe_does_not_know_is_not_the_callers_fault(
    cart: Cart, sandbox: SandboxClient
) -> None:
    await cart.put()
    await sandbox.reset()  # as when the key is another account's
    answer = await cart.put(amount=2000)
    state = await cart.state()
    assert (answer.status_code, answer.json()["code"]) == (502, "stripe_misconfigured")
    assert (state["generation"], state["requested_amount"], state["is_synced"]) == (1, 2000, False)
    assert await sandbox.count("payment_intents") == 0


async def test_an_attached_payment_intent_names_its_cart_at_stripe_also_when_it_is_retrieved_first(
    session: Cart, sandbox: SandboxClient
) -> None:
    created = await session.owe()
    await sandbox.confirm(created["stripe_id"], "pm_card_threeDSecure2Required")
    await sandbox.wait_idle()
    await session.attach_to("c1")
    intent = await session.at_stripe()
    assert (intent["metadata"]["reference_kind"], intent["metadata"]["reference_id"]) == ("cart", "c1")

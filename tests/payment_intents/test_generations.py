"""The PaymentIntents of one reference over time: at most one is live, and each stays in the history."""

import asyncio
from datetime import timedelta
from typing import Any

from sandbox.client import SandboxClient
from tests.cart import CHALLENGED, Cart
from tests.conftest import Jobs
from tests.database import CREATED, Database


async def _live_at_stripe(sandbox: SandboxClient) -> list[dict[str, Any]]:
    intents = await sandbox.objects("payment_intents")
    return [intent for intent in intents if intent["status"] not in {"canceled", "succeeded"}]


# What a PUT gives, by the state of the live PaymentIntent.


async def test_in_3ds_the_same_again_changes_nothing(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await sandbox.confirm(first["stripe_id"], CHALLENGED)
    await sandbox.wait_idle()
    again = await cart.put()
    assert again.status_code == 200
    assert (again.json()["stripe_id"], again.json()["status"]) == (first["stripe_id"], "requires_action")


async def test_in_3ds_another_amount_cancels_and_opens_the_next(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await sandbox.confirm(first["stripe_id"], CHALLENGED)
    await sandbox.wait_idle()
    second = await cart.put(amount=2000)

    assert second.status_code == 201
    assert (second.json()["generation"], second.json()["amount"]) == (2, 2000)
    assert second.json()["client_secret"] != first["client_secret"]
    assert [intent["amount"] for intent in await _live_at_stripe(sandbox)] == [2000]


async def test_in_3ds_another_amount_updates_the_same_one_while_the_webhook_is_on_its_way(
    cart: Cart, sandbox: SandboxClient
) -> None:
    first = await cart.owe()
    await sandbox.pause_webhooks()
    await sandbox.confirm(first["stripe_id"], CHALLENGED)
    second = await cart.put(amount=2000)

    assert (second.status_code, second.json()["generation"], second.json()["amount"]) == (200, 1, 2000)
    assert second.json()["stripe_id"] == first["stripe_id"]
    assert [intent["amount"] for intent in await _live_at_stripe(sandbox)] == [2000]
    await sandbox.restore_webhooks()


async def test_an_authorized_payment_answers_the_same_and_refuses_another_amount(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    first = await cart.owe(capture_method="manual")
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    await jobs()
    same = await cart.put(capture_method="manual")
    other = await cart.put(capture_method="manual", amount=2000)
    state = await cart.state()
    assert (same.status_code, same.json()["status"], same.json()["client_secret"]) == (200, "requires_capture", None)
    assert (other.status_code, other.json()["code"]) == (409, "payment_in_progress")
    assert (state["requested_amount"], state["amount_capturable"], state["is_synced"]) == (1000, 1000, True)


async def test_a_refused_amount_is_not_applied_later_when_stripe_learns_of_the_hold_first(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    first = await cart.owe(capture_method="manual")
    await sandbox.pause_webhooks()
    await sandbox.confirm(first["stripe_id"])
    other = await cart.put(capture_method="manual", amount=2000)
    await sandbox.resume_webhooks()
    await sandbox.wait_idle()
    await jobs()
    state = await cart.state()
    assert (other.status_code, other.json()["code"]) == (409, "payment_in_progress")
    assert (state["status"], state["amount"], state["requested_amount"]) == ("requires_capture", 1000, 1000)


async def test_a_payment_whose_webhook_is_late_is_not_changed(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await sandbox.pause_webhooks()
    await sandbox.confirm(first["stripe_id"])
    other = await cart.put(amount=2000)
    same = await cart.put()
    assert (other.status_code, other.json()["code"]) == (409, "already_paid")
    assert (same.status_code, same.json()["status"], same.json()["client_secret"]) == (200, "succeeded", None)
    await sandbox.restore_webhooks()


async def test_a_paid_one_is_followed_by_the_next_when_the_body_names_it(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    body = {"amount": 2000, "previous_payment_intent": first["id"]}
    second, repeated = await cart.put(**body), await cart.put(**body)
    await sandbox.confirm(second.json()["stripe_id"])
    await sandbox.wait_idle()
    late = await cart.put(**body)
    state = await cart.state()

    assert (second.status_code, second.json()["generation"]) == (201, 2)
    assert (repeated.status_code, repeated.json()["stripe_id"]) == (200, second.json()["stripe_id"])
    assert (late.status_code, late.json()["status"]) == (200, "succeeded")
    assert state["flags"] == []
    assert len(await cart.attempts()) == 2


async def test_a_wrong_previous_one_is_refused(cart: Cart, sandbox: SandboxClient) -> None:
    other = "00000000-0000-0000-0000-000000000000"
    fresh = await cart.put(previous_payment_intent=other)
    first = await cart.owe()
    unpaid = await cart.put(previous_payment_intent=first["id"])
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    paid = await cart.put(previous_payment_intent=other)
    assert [(answer.status_code, answer.json()["code"]) for answer in (fresh, unpaid, paid)] == [
        (409, "previous_payment_intent_mismatch")
    ] * 3
    assert await sandbox.count("payment_intents") == 1


# Cart versions.


async def test_an_older_cart_version_changes_nothing(cart: Cart) -> None:
    await cart.owe(cart_version=5)
    older = await cart.put(amount=2000, cart_version=4)
    none = await cart.put(amount=2000)
    conflict = await cart.put(amount=2000, cart_version=5)
    same = await cart.put(cart_version=5)
    newer = await cart.put(amount=2000, cart_version=6)
    assert [answer.json().get("code") for answer in (older, none, conflict, same, newer)] == [
        "stale_cart_version",
        "stale_cart_version",
        "cart_version_conflict",
        None,
        None,
    ]
    assert older.json()["recorded_cart_version"] == 5
    intent = await cart.at_stripe()
    assert (intent["amount"], intent["metadata"]["cart_version"]) == (2000, "6")


async def test_the_version_of_a_refused_amount_can_be_used_again(cart: Cart) -> None:
    await cart.owe(cart_version=5)
    refused = await cart.put(amount=10, cart_version=6)
    again = await cart.put(amount=2000, cart_version=6)
    assert (refused.status_code, again.status_code, again.json()["amount"]) == (422, 200, 2000)


async def test_the_highest_of_racing_versions_wins(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.latency(0.01)
    bodies = [{"amount": 1000 + version, "currency": "eur", "cart_version": version} for version in range(1, 31)]
    answers = await asyncio.gather(*(cart.put(**body) for body in bodies))
    state = await cart.state()
    intent = await cart.at_stripe()
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    assert (state["amount"], state["cart_version"], intent["amount"]) == (1030, 30, 1030)


async def test_the_next_order_counts_its_own_versions(session: Cart, sandbox: SandboxClient) -> None:
    first = await session.owe(cart_version=5)
    too_early = await session.put(cart_version=1, previous_payment_intent=first["id"])
    await session.pay()
    second = await session.put(amount=2000, cart_version=1, previous_payment_intent=first["id"])
    newer = await session.put(amount=3000, cart_version=2)
    older = await session.put(amount=2000, cart_version=1, previous_payment_intent=first["id"])
    assert (too_early.status_code, too_early.json()["code"]) == (409, "previous_payment_intent_mismatch")
    assert (second.status_code, second.json()["cart_version"]) == (201, 1)
    assert (newer.status_code, newer.json()["amount"]) == (200, 3000)
    assert (older.status_code, older.json()["code"]) == (409, "stale_cart_version")
    assert (await session.state())["flags"] == []


# Closed ones.


async def test_cancelled_in_the_dashboard_the_next_put_opens_another(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await sandbox.dashboard_cancel(first["stripe_id"])
    await sandbox.wait_idle()
    second = await cart.put()
    assert (second.status_code, second.json()["generation"]) == (201, 2)
    assert await sandbox.count("payment_intents") == 2


async def test_cancelled_in_the_dashboard_without_a_webhook_an_update_opens_the_next(
    cart: Cart, sandbox: SandboxClient
) -> None:
    first = await cart.owe()
    await sandbox.pause_webhooks()
    await sandbox.dashboard_cancel(first["stripe_id"])
    second = await cart.put(amount=2000)
    assert (second.status_code, second.json()["generation"], second.json()["amount"]) == (201, 2, 2000)
    assert [intent["amount"] for intent in await _live_at_stripe(sandbox)] == [2000]
    await sandbox.restore_webhooks()


async def test_a_late_success_of_a_cancelled_one_is_recorded_and_flagged(
    cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs
) -> None:
    first = await cart.owe()
    await database.close()
    second = await cart.owe()
    for stripe_id in (second["stripe_id"], first["stripe_id"]):
        await sandbox.confirm(stripe_id)
        await sandbox.wait_idle()
    await jobs()
    rows = await database.payment_intents()
    assert [(row["status"], row["flags"]) for row in rows] == [
        ("succeeded", ["duplicate_payment", "paid_after_close"]),
        ("succeeded", []),
    ]


# Keys and replays.


async def test_a_replayed_answer_is_never_taken_for_the_present(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.pause_webhooks()
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    await cart.put()
    intent = await cart.at_stripe()
    await sandbox.dashboard_cancel(intent["id"])
    retried = await cart.put()
    assert (retried.status_code, retried.json()["generation"]) == (201, 2)
    assert len(await _live_at_stripe(sandbox)) == 1
    await sandbox.restore_webhooks()


async def test_a_creation_older_than_stripes_idempotency_keys_is_looked_for_before_it_is_repeated(
    cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    lost = await cart.put()
    await database.age(timedelta(hours=25), CREATED)
    await sandbox.age(25 * 3600)  # Stripe forgets the key
    again = await cart.put()
    assert lost.status_code == 503
    assert again.status_code == 201
    assert await sandbox.count("payment_intents") == 1
    await sandbox.restore_webhooks()


async def test_a_creation_that_never_reached_stripe_is_repeated(
    cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await sandbox.drop_next(path="/v1/payment_intents", count=3)
    await cart.put()
    await database.age(timedelta(hours=21), CREATED)
    again = await cart.put()
    assert again.status_code == 201
    assert await sandbox.count("payment_intents") == 1

"""A session's PaymentIntent is attached to a cart, and everything about it goes along."""

import asyncio

from tests.cart import Cart


async def test_a_sessions_payment_intent_is_attached_to_a_cart(session: Cart) -> None:
    created = await session.owe()
    moved = await session.attach_to("c1")
    again = await session.attach_to("c1")
    intent = await session.at_stripe()
    assert (moved.status_code, moved.json()["id"], moved.json()["is_synced"]) == (200, created["id"], True)
    assert moved.json()["reference"] == {"kind": "cart", "id": "c1"}
    assert again.status_code == 200
    assert (intent["metadata"]["reference_kind"], intent["metadata"]["reference_id"]) == ("cart", "c1")


async def test_an_attached_session_names_its_cart(session: Cart) -> None:
    await session.owe()
    await session.attach_to("c1")
    answers = [
        await session.get(),
        await session.put(),
        await session.client_secret(),
        await session.cancel(),
        await session.api.get("/v1/sessions/s1/attempts"),
        await session.attach_to("c2"),
    ]
    assert [(answer.status_code, answer.json()["code"], answer.json()["cart_id"]) for answer in answers] == [
        (409, "moved", "c1")
    ] * 6


async def test_webhooks_follow_an_attached_payment_intent(session: Cart, cart: Cart) -> None:
    await session.owe()
    await session.attach_to("c1")
    await cart.pay()
    assert (await cart.state())["status"] == "succeeded"
    assert len(await cart.attempts()) == 1


async def test_a_cart_with_a_live_payment_intent_takes_no_other(session: Cart, cart: Cart) -> None:
    await session.owe()
    await cart.owe()
    refused = await session.attach_to("c1")
    await cart.cancel()
    moved = await session.attach_to("c1")
    assert (refused.status_code, refused.json()["code"]) == (409, "cart_has_payment_intent")
    assert (moved.status_code, moved.json()["generation"]) == (200, 2)


async def test_an_attached_payment_intent_is_updated_by_its_cart(session: Cart, cart: Cart) -> None:
    await session.owe()
    await session.attach_to("c1")
    answer = await cart.put(amount=2000)
    assert (answer.status_code, answer.json()["amount"], (await cart.at_stripe())["amount"]) == (200, 2000, 2000)


async def test_a_session_without_a_payment_intent_has_nothing_to_attach(session: Cart, cart: Cart) -> None:
    answer = await session.attach_to("c1")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")
    assert (await cart.get()).status_code == 404


async def test_only_sessions_are_attached(cart: Cart) -> None:
    answer = await cart.attach_to("c2")
    assert answer.status_code in {404, 405}


async def test_of_two_sessions_that_race_to_one_cart_one_gets_there(cart: Cart) -> None:
    sessions = [cart.another(f"/v1/sessions/{name}") for name in ("s1", "s2")]
    for session in sessions:
        await session.owe()
    answers = await asyncio.gather(*(session.attach_to("c1") for session in sessions))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


# A cart's versions and a session's are two counters.


async def test_an_attached_payment_intent_leaves_the_sessions_versions_behind(session: Cart, cart: Cart) -> None:
    await session.owe(cart_version=9)
    moved = await session.attach_to("c1")
    answer = await cart.put(amount=2000, cart_version=1)
    older = await cart.put(amount=3000, cart_version=0)
    intent = await cart.at_stripe()
    assert (moved.json()["cart_version"], moved.json()["is_synced"]) == (None, True)
    assert (answer.status_code, answer.json()["cart_version"]) == (200, 1)
    assert (older.status_code, older.json()["code"]) == (409, "stale_cart_version")
    assert (intent["amount"], intent["metadata"]["cart_version"]) == (2000, "1")


async def test_a_paid_one_leaves_the_sessions_versions_behind_too(session: Cart, cart: Cart) -> None:
    await session.owe(cart_version=9)
    await session.pay()
    moved = await session.attach_to("c1")
    same = await cart.put(cart_version=1)
    following = await cart.put(cart_version=1, previous_payment_intent=moved.json()["id"])
    assert (moved.json()["cart_version"], moved.json()["is_synced"]) == (None, True)
    assert (same.status_code, same.json()["status"]) == (200, "succeeded")
    assert following.status_code == 201


async def test_one_that_stripe_never_answered_about_leaves_them_behind_too(session: Cart, cart: Cart) -> None:
    await session.sandbox.lose_next_answer(path="/v1/payment_intents", count=3)
    await session.put(cart_version=9)
    moved = await session.attach_to("c1")
    answer = await cart.put(cart_version=1)
    intent = await cart.at_stripe()
    assert (moved.status_code, answer.status_code) == (200, 200)
    assert (intent["metadata"]["reference_id"], intent["metadata"]["cart_version"]) == ("c1", "1")


async def test_a_move_says_which_version_of_the_cart_has_the_price(session: Cart, cart: Cart) -> None:
    await cart.owe(cart_version=3)
    await cart.cancel()
    await session.owe(cart_version=9)
    stale = await session.attach_to("c1", cart_version=2)
    moved = await session.attach_to("c1", cart_version=4)
    conflict = await cart.put(amount=2000, cart_version=4)
    answer = await cart.put(amount=2000, cart_version=5)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_cart_version")
    assert stale.json()["recorded_cart_version"] == 3
    assert (moved.status_code, moved.json()["cart_version"]) == (200, 4)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "cart_version_conflict")
    assert (answer.status_code, answer.json()["amount"]) == (200, 2000)

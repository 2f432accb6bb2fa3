"""PUT and GET of a PaymentIntent: one for each cart, whatever is sent how often."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.waiting import until_held


async def test_the_first_put_creates_the_payment_intent(cart: Cart) -> None:
    answer = await cart.put()

    assert answer.status_code == 201
    body = answer.json()
    intent = await cart.at_stripe()
    assert body["stripe_id"] == intent["id"]
    assert body["client_secret"] == intent["client_secret"]
    assert body["reference"] == {"kind": "cart", "id": "c1"}
    assert (body["generation"], body["status"], body["amount"], body["currency"], body["is_synced"]) == (
        1,
        "requires_payment_method",
        1000,
        "eur",
        True,
    )
    assert (intent["amount"], intent["currency"]) == (1000, "eur")
    assert answer.headers["cache-control"] == "no-store"


async def test_the_key_is_made_from_our_own_row(cart: Cart, sandbox: SandboxClient) -> None:
    body = await cart.owe()
    [create] = await sandbox.requests()
    assert create["idempotency_key"] == f"payment_intent:{body['id']}:create"


async def test_what_we_make_at_stripe_is_marked_as_ours(cart: Cart) -> None:
    body = await cart.owe(cart_version=4, metadata={"color": "red"})
    intent = await cart.at_stripe()
    assert intent["metadata"] == {
        "color": "red",
        "instance": "test",
        "payment_intent_id": body["id"],
        "reference_kind": "cart",
        "reference_id": "c1",
        "revision": "1",
        "cart_version": "4",
    }


async def test_another_amount_updates_the_same_payment_intent(cart: Cart) -> None:
    first = await cart.owe()
    second = await cart.put(amount=2000)

    assert second.status_code == 200
    assert second.json()["amount"] == 2000
    assert second.json()["id"] == first["id"]
    assert second.json()["client_secret"] == first["client_secret"]
    intent = await cart.at_stripe()
    assert intent["amount"] == 2000


async def test_the_same_again_makes_no_call_to_stripe(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.put()
    await sandbox.clear_requests()
    again = await cart.put()
    assert again.status_code == 200
    assert again.json()["client_secret"] == first.json()["client_secret"]
    assert await sandbox.requests() == []


async def test_what_is_left_out_is_unset_where_stripe_can_do_that(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.put(
        description="Two chairs",
        receipt_email="ada@example.com",
        metadata={"color": "red", "size": "xl"},
        shipping={"name": "Ada", "address": {"line1": "1 Main St", "country": "DE"}},
        statement_descriptor_suffix="CHAIRS",
        setup_future_usage="off_session",
    )
    [full] = await sandbox.objects("payment_intents")
    answer = await cart.put(metadata={"color": "blue"})

    [bare] = await sandbox.objects("payment_intents")
    assert answer.status_code == 200
    assert (full["description"], full["receipt_email"], full["shipping"]["name"]) == (
        "Two chairs",
        "ada@example.com",
        "Ada",
    )
    assert (full["statement_descriptor_suffix"], full["setup_future_usage"]) == ("CHAIRS", "off_session")
    assert [bare[name] for name in ("receipt_email", "shipping", "setup_future_usage")] == [None] * 3
    kept = ("description", "statement_descriptor_suffix")
    assert [(bare[name], answer.json()[name]) for name in kept] == [("Two chairs",) * 2, ("CHAIRS",) * 2]
    assert bare["metadata"]["color"] == "blue"
    assert "size" not in bare["metadata"]


async def test_carts_and_sessions_of_one_name_are_two_references(cart: Cart) -> None:
    of_cart = await cart.another("/v1/carts/same").owe()
    of_session = await cart.another("/v1/sessions/same").owe()
    assert of_cart["stripe_id"] != of_session["stripe_id"]
    assert of_session["reference"] == {"kind": "session", "id": "same"}


async def test_many_at_once_make_one_payment_intent(cart: Cart, sandbox: SandboxClient) -> None:
    answers = await asyncio.gather(*(cart.put() for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["client_secret"] for answer in answers}) == 1
    assert await sandbox.count("payment_intents") == 1


async def test_racing_amounts_end_with_stripe_and_the_row_agreeing(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.latency(0.02)
    amounts = range(1000, 1015)
    answers = await asyncio.gather(*(cart.put_until_known(amount=amount) for amount in amounts))

    assert {answer.status_code for answer in answers} <= {200, 201}
    state = await cart.state()
    intent = await cart.at_stripe()
    assert state["is_synced"]
    assert intent["amount"] == state["amount"] == state["requested_amount"]
    assert state["amount"] in amounts


async def test_get_reads_the_state_without_the_client_secret(cart: Cart, sandbox: SandboxClient) -> None:
    put = await cart.owe()
    await sandbox.clear_requests()
    got = await cart.get()
    assert got.status_code == 200
    assert got.json() == {name: value for name, value in put.items() if name != "client_secret"}
    assert await sandbox.requests() == []


async def test_get_of_an_unknown_cart_is_404(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/carts/none/payment-intent")
    assert answer.status_code == 404
    assert answer.json()["code"] == "payment_intent_not_found"


async def test_a_retry_after_a_lost_answer_finds_the_first_payment_intent(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.lose_next_answer(path="/v1/payment_intents", count=3)  # Stripe did the work; we never heard
    lost = await cart.put()
    retried = await cart.put()

    assert lost.status_code == 503
    assert lost.json()["code"] == "stripe_unavailable"
    assert lost.headers["retry-after"] == "2"
    assert retried.status_code == 201
    assert await sandbox.count("payment_intents") == 1


async def test_a_lost_update_is_repaired_by_the_next_put(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.put()
    await sandbox.lose_next_answer(path="/v1/payment_intents/*", count=3)
    lost = await cart.put(amount=2000)
    third = await cart.put(amount=3000)
    intent = await cart.at_stripe()
    assert (lost.status_code, third.status_code) == (503, 200)
    assert third.json()["amount"] == intent["amount"] == 3000


@pytest.mark.parametrize("fault", ["fail_next", "rate_limit_next", "drop_next", "malformed_next"])
async def test_a_stripe_in_trouble_is_unknown_and_the_same_request_can_be_sent_again(
    cart: Cart, sandbox: SandboxClient, fault: str
) -> None:
    await getattr(sandbox, fault)(path="/v1/payment_intents", count=3)
    broken = await cart.put()
    await sandbox.clear_faults()
    again = await cart.put()

    assert broken.status_code == 503
    assert broken.json()["code"] == "stripe_unavailable"
    assert again.status_code == 201
    assert await sandbox.count("payment_intents") == 1


async def test_a_slow_stripe_does_not_slow_the_reads(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.put()
    slow = [cart.another(f"/v1/carts/h{n}") for n in range(30)]
    await sandbox.hold("/v1/payment_intents")
    held = [asyncio.create_task(each.put()) for each in slow]
    await until_held(sandbox, 30)
    reads = await asyncio.gather(*(cart.get() for _ in range(10)))
    still_held = await sandbox.held()
    await sandbox.release()

    assert [read.status_code for read in reads] == [200] * 10
    assert still_held == 30  # the reads did not wait for them, with a pool of 10 connections
    answers = await asyncio.gather(*held)
    unknown = [n for n, answer in enumerate(answers) if answer.status_code == 503]
    again = [(await slow[n].put()).status_code for n in unknown]
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert set(again) <= {200, 201}
    assert await sandbox.count("payment_intents") == 31


async def test_what_stripe_refuses_does_not_block_the_cart(cart: Cart, sandbox: SandboxClient) -> None:
    refused = await cart.put(amount=10)
    accepted = await cart.put()

    assert refused.status_code == 422
    assert refused.json()["code"] == "stripe_refused"
    assert refused.json()["stripe_code"] == "amount_too_small"
    assert accepted.status_code == 201
    assert accepted.json()["generation"] == 2
    assert await sandbox.count("payment_intents") == 1


async def test_a_refused_update_leaves_what_was_agreed(cart: Cart) -> None:
    await cart.put()
    refused = await cart.put(amount=10)
    state = await cart.state()
    assert refused.status_code == 422
    assert (state["amount"], state["requested_amount"], state["is_synced"]) == (1000, 1000, True)


def _states(body: dict[str, Any]) -> tuple[str, int]:
    return body["status"], body["amount"]


async def test_a_paid_cart_answers_its_state_without_a_secret_and_refuses_another_amount(
    cart: Cart, sandbox: SandboxClient
) -> None:
    stripe_id = (await cart.owe())["stripe_id"]
    await sandbox.confirm(stripe_id)
    await sandbox.wait_idle()
    same = await cart.put()
    other = await cart.put(amount=2000)

    assert (same.status_code, _states(same.json()), same.json()["client_secret"]) == (200, ("succeeded", 1000), None)
    assert (other.status_code, other.json()["code"]) == (409, "already_paid")
    assert await sandbox.count("payment_intents") == 1


async def test_get_with_sync_asks_stripe_at_most_once_in_a_while(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.pause_webhooks()  # that of the creation too, which may come while Stripe is asked
    created = await cart.owe()
    await sandbox.confirm(created["stripe_id"], "pm_card_threeDSecure2Required")
    await sandbox.clear_requests()
    asked = await cart.get(sync="true")
    again = await cart.get(sync="true")
    assert asked.json()["status"] == again.json()["status"] == "requires_action"
    assert len(await sandbox.requests()) == 1
    await sandbox.restore_webhooks()

"""Whatever the channel, a cart has one thing to pay: the one before has ended at Stripe before the next begins."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.cart import CHALLENGED, DECLINED, Cart
from tests.checkout import MUG, Checkout
from tests.conftest import Jobs, Sweep
from tests.database import Database
from tests.waiting import until_held

EXPIRE, SESSIONS = "/v1/checkout/sessions/*/expire", "/v1/checkout/sessions"
CANCEL = "/v1/payment_intents/*/cancel"


async def test_a_session_takes_the_place_of_a_payment_intent_and_the_other_way_round(
    each_mode: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    first = await cart.owe()
    second = await each_mode.open()
    assert (second["generation"], second["channel"]) == (2, "checkout_session")
    assert (await sandbox.object("payment_intent", first["stripe_id"]))["status"] == "canceled"
    third = await cart.owe()
    assert (third["generation"], third["channel"]) == (3, "payment_intent")
    assert await each_mode.payable() == [third["stripe_id"]]
    listed = (await cart.api.get(f"{cart.path}/payment-intents")).json()["data"]
    assert [each["closed_reason"] for each in listed] == [None, "replaced", "replaced"]


async def test_the_next_channel_waits_for_the_confirmed_end_of_the_one_before(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    await checkout.open()
    await sandbox.hold(EXPIRE)
    changing = asyncio.create_task(cart.put())
    await until_held(sandbox)
    assert await sandbox.objects("payment_intent") == []
    await sandbox.release()
    assert (await changing).status_code == 201
    assert len(await checkout.payable()) == 1


async def test_a_session_that_was_paid_on_the_way_is_recorded_and_the_request_is_told(
    each_mode: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    await each_mode.open()
    await sandbox.pause_webhooks()
    await each_mode.pay()
    answer = await cart.put(amount=2000)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")
    assert (await cart.put()).status_code == 200  # the same price is paid
    state = await cart.state()
    assert (state["status"], state["channel"], state["amount_received"]) == ("succeeded", "checkout_session", 1000)
    assert await each_mode.payable() == []


async def test_a_session_whose_money_is_under_way_is_left_alone(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    await checkout.open(currency="usd")
    await sandbox.pause_webhooks()
    await checkout.pay("pm_usBankAccount_success")
    answer = await cart.put(currency="usd")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_in_progress")
    assert (await cart.state())["status"] == "processing"


async def test_a_payment_intent_that_was_paid_on_the_way_stays_the_payment(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    made = await cart.owe()
    await sandbox.pause_webhooks()
    await sandbox.confirm(made["stripe_id"])
    answer = await checkout.put()
    assert (answer.status_code, answer.json()["channel"], answer.json()["checkout"]) == (200, "payment_intent", None)
    assert await checkout.at_stripe() == []


async def test_a_shopper_who_authenticates_in_a_session_is_not_overtaken(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await checkout.open()
    await checkout.pay(CHALLENGED)
    await sandbox.wait_idle()
    await jobs()
    assert (await cart.state())["status"] == "requires_action"
    other = await checkout.open(line_items=[MUG, MUG])
    assert (other["generation"], other["amount"]) == (2, 2000)
    assert len(await checkout.payable()) == 1


@pytest.mark.parametrize("path", [SESSIONS, EXPIRE, CANCEL, "/v1/payment_intents"])
@pytest.mark.parametrize("fault", ["lose_next_answer", "drop_next"])
async def test_what_is_lost_on_the_way_of_a_change_is_finished(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, sweep: Sweep, database: Database, path: str, fault: str
) -> None:
    """Each call of a change of channel, there and back, ends without an answer until the deadline."""
    await cart.owe()
    await getattr(sandbox, fault)(path=path, method="POST", count=3)
    answers = [await checkout.put(), await cart.put()]
    await sandbox.clear_faults()
    assert 503 in {each.status_code for each in answers}
    await database.age(timedelta(minutes=5))
    await sweep()
    final = await cart.put_until_known()
    assert final.json()["channel"] == "payment_intent"
    assert await checkout.payable() == [final.json()["stripe_id"]]


async def test_a_hundred_puts_of_both_channels_leave_one_to_pay(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, sweep: Sweep
) -> None:
    order = [number % 2 for number in range(100)]
    random.Random(7).shuffle(order)  # noqa: S311 - no secret
    elements = Checkout(cart, "elements")

    async def one(number: int, is_checkout: int) -> int:
        amount = 1000 + number % 3
        answer = await (elements.put(amount=amount) if is_checkout else cart.put(amount=amount))
        if answer.is_success:
            assert answer.json()["channel"] == ("checkout_session" if is_checkout else "payment_intent")
        assert answer.is_success or answer.json()["code"] in {"channel_changed", "sync_pending"}, answer.text
        return answer.status_code

    statuses = await asyncio.gather(*(one(number, each) for number, each in enumerate(order)))
    assert set(statuses) <= {200, 201, 409, 503}
    last = await elements.put(amount=7777)
    for _ in range(5):
        if last.status_code != 503:
            break
        last = await elements.put(amount=7777)
    assert last.is_success
    assert await elements.payable() == [last.json()["checkout"]["stripe_id"]]
    generations = (await cart.api.get(f"{cart.path}/payment-intents", params={"limit": 100})).json()["data"]
    assert sum(each["closed_at"] is None for each in generations) == 1


async def test_a_request_that_a_newer_one_of_the_other_channel_overtakes_is_told(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    await sandbox.hold(SESSIONS)
    older = asyncio.create_task(checkout.put())
    await until_held(sandbox)
    newer = asyncio.create_task(cart.put())
    await asyncio.sleep(0.2)
    await sandbox.release()
    assert (await newer).json()["channel"] == "payment_intent"
    answer = await older
    assert (answer.status_code, answer.json()["code"]) == (409, "channel_changed")
    assert len(await checkout.payable()) == 1


async def test_a_request_that_was_overtaken_by_a_refused_one_is_to_be_sent_again(
    cart: Cart, sandbox: SandboxClient
) -> None:
    elements = Checkout(cart, "elements")
    await elements.open()
    await sandbox.hold(f"{SESSIONS}/*")
    first = asyncio.create_task(elements.put(amount=2000))
    await until_held(sandbox)
    overtaken = asyncio.create_task(cart.put(amount=3000))
    await asyncio.sleep(0.2)
    refused = asyncio.create_task(elements.put(amount=1))
    await asyncio.sleep(0.2)
    await sandbox.release()
    assert [(await each).status_code for each in (first, overtaken, refused)] == [200, 503, 422]
    assert (await overtaken).json()["code"] == "sync_pending"


async def test_held_money_is_captured_or_released_by_the_sessions_payment_intent(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    for name, amount in (("captured", 600), ("released", None)):
        one = cart.another(f"/v1/carts/{name}")
        await Checkout(one).open(capture_method="manual")
        await Checkout(one).pay()
        await sandbox.wait_idle()
        await jobs()
        assert (await one.state())["status"] == "requires_capture"
        assert (await one.put()).json()["code"] == "payment_in_progress"
        ended = (await (one.capture(amount=amount) if amount else one.cancel())).json()
        assert (ended["status"], ended["amount_received"]) == (("succeeded", 600) if amount else ("canceled", 0))


async def test_card_testing_ends_the_session(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await checkout.open()
    for _ in range(10):
        with suppress(httpx.HTTPStatusError):
            await checkout.pay(DECLINED)
    await sandbox.wait_idle()
    await jobs()
    assert (await cart.state())["closed_reason"] == "card_testing"
    assert [each["status"] for each in await checkout.at_stripe()] == ["expired"]
    assert {(await checkout.put()).status_code, (await cart.put()).status_code} == {429}

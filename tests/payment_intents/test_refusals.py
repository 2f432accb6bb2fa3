"""What Stripe refuses: told once, in its words; rolled back once; never tried again by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.payment_intents.protocol.steps import MAX_CALLS
from sandbox.client import SandboxClient
from tests.cart import CHALLENGED, Cart
from tests.conftest import Sweep
from tests.database import LAST_ACTIVITY, Database
from tests.stripe_calls import customer
from tests.waiting import until_held

Json = dict[str, Any]
ONE = "/v1/payment_intents/pi_" + "?" * 24  # and none of its commands
CANCEL, CAPTURE = f"{ONE}/cancel", f"{ONE}/capture"


@pytest.fixture
async def guest(sandbox: SandboxClient) -> str:
    return await customer(sandbox)


@pytest.fixture
async def ada(sandbox: SandboxClient) -> str:
    return await customer(sandbox)


async def _sent(sandbox: SandboxClient) -> list[str]:
    """Return what Stripe was asked, apart from what a late webhook of another test had us look for."""
    return [
        f"{each['method']} {each['path']}"
        for each in await sandbox.requests()
        if each["status"] != httpx.codes.NOT_FOUND
    ]


# The customer.


async def test_another_customer_cancels_and_opens_the_next(
    cart: Cart, sandbox: SandboxClient, guest: str, ada: str
) -> None:
    first = await cart.owe(customer=guest)
    second = await cart.put(customer=ada, amount=2499)
    assert (second.status_code, second.json()["generation"], second.json()["customer"]) == (201, 2, ada)
    intents = {each["id"]: each for each in await sandbox.objects("payment_intents")}
    assert intents[first["stripe_id"]]["status"] == "canceled"
    assert intents[second.json()["stripe_id"]]["amount"] == 2499


async def test_a_customer_that_is_left_out_stays(cart: Cart, sandbox: SandboxClient, guest: str) -> None:
    kept = {"customer": guest, "description": "Chairs", "statement_descriptor_suffix": "CHAIRS"}
    await cart.owe(**kept)
    second = await cart.put(amount=2499)
    assert second.status_code == 200
    assert {name: second.json()[name] for name in kept} == kept
    intent = await cart.at_stripe()
    assert (intent["amount"], {name: intent[name] for name in kept}) == (2499, kept)
    await sandbox.clear_requests()
    assert (await cart.put(amount=2499, **kept)).status_code == 200
    assert await _sent(sandbox) == []  # it is held already


async def test_a_customer_that_is_named_later_is_set(cart: Cart, guest: str) -> None:
    await cart.owe()
    second = await cart.put(customer=guest)
    assert (second.status_code, (await cart.at_stripe())["customer"]) == (200, guest)


async def test_what_is_moved_is_sent_as_far_as_it_is_set(session: Cart, sandbox: SandboxClient) -> None:
    await session.owe()
    await sandbox.clear_requests()
    assert (await session.attach_to("c1")).status_code == 200
    assert (await session.another("/v1/carts/c1").put(amount=2000)).status_code == 200
    sent = [each["params"] for each in await sandbox.requests() if each["method"] == "POST"]
    names = [{name for name in params if not name.startswith("metadata")} for params in sent]
    assert names == [set(), {"amount"}]
    assert all(value != "" for params in sent for name, value in params.items() if "cart_version" not in name)


async def test_an_update_of_unknown_outcome_leaves_the_customer_alone(
    cart: Cart, sandbox: SandboxClient, guest: str
) -> None:
    await cart.owe(customer=guest, description="Chairs")
    await sandbox.lose_next_answer(path=ONE, count=3)
    assert (await cart.put(customer=guest, description="Chairs", amount=2000)).status_code == 503
    await sandbox.clear_requests()
    assert (await cart.put(customer=guest, description="Chairs", amount=3000)).status_code == 200
    [sent] = [each["params"] for each in await sandbox.requests() if each["method"] == "POST"]
    assert {name for name in sent if not name.startswith("metadata")} == {"amount"}


# The refused price.


async def test_a_refused_price_is_remembered_until_a_put_is_accepted(
    cart: Cart, sandbox: SandboxClient, sweep: Sweep
) -> None:
    await cart.owe(amount=4999)
    refused = await cart.put(amount=30)
    assert (refused.status_code, refused.json()["stripe_code"]) == (422, "amount_too_small")
    assert (await cart.state())["is_price_refused"]
    secret = await cart.client_secret()
    assert (secret.status_code, secret.json()["code"]) == (409, "price_refused")
    await sandbox.clear_requests()
    await sweep()
    assert await _sent(sandbox) == []
    accepted = await cart.put(amount=4999)
    assert (accepted.status_code, accepted.json()["is_price_refused"]) == (200, False)
    assert (await cart.client_secret()).status_code == 200


async def test_a_payment_of_another_price_than_the_refused_one_is_flagged(cart: Cart) -> None:
    await cart.owe(amount=4999)
    assert (await cart.put(amount=30)).status_code == 422
    await cart.pay()  # on an older page
    state = await cart.state()
    assert (state["status"], state["flags"]) == ("succeeded", ["amount_mismatch"])


async def test_a_refusal_at_the_same_price_keeps_the_secret(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    await sandbox.refuse_next(path=ONE)
    assert (await cart.put(description="Chairs")).status_code == 422
    assert (await cart.client_secret()).status_code == 200


async def test_what_is_canceled_after_a_refused_price_can_be_paid_again(cart: Cart) -> None:
    await cart.owe(amount=4999)
    assert (await cart.put(amount=30)).status_code == 422
    assert (await cart.cancel()).status_code == 200
    again = await cart.put(amount=60)
    assert (again.status_code, again.json()["generation"]) == (201, 2)


# A payment that was faster.


async def test_a_price_that_comes_after_3ds_succeeded_leaves_no_trace(cart: Cart, sandbox: SandboxClient) -> None:
    first = await cart.owe()
    await sandbox.confirm(first["stripe_id"], CHALLENGED)
    await sandbox.wait_idle()
    await sandbox.pause_webhooks()
    await sandbox.authenticate(first["stripe_id"])
    late = await cart.put(amount=2000)
    assert (late.status_code, late.json()["code"]) == (409, "already_paid")
    await sandbox.restore_webhooks()
    await sandbox.wait_idle()
    state = await cart.state()
    assert (state["requested_amount"], state["amount"], state["flags"]) == (1000, 1000, [])


async def test_a_flag_by_a_faster_webhook_is_taken_back(cart: Cart, sandbox: SandboxClient, database: Database) -> None:
    first = await cart.owe()
    await sandbox.hold(ONE, method="POST")
    late = asyncio.create_task(cart.put(amount=2000))
    await until_held(sandbox)
    await sandbox.confirm(first["stripe_id"])
    await sandbox.wait_idle()
    assert (await cart.state())["flags"] == ["amount_mismatch"]  # it may have been accepted by now
    await sandbox.release()
    assert (await late).json()["code"] == "already_paid"
    state = await cart.state()
    assert (state["requested_amount"], state["flags"]) == (1000, [])
    assert (await database.domain_event_types())[-1] == "payment.unflagged"


# Whatever Stripe refuses: bounded calls, and none after it.

REFUSALS: dict[str, Json] = {
    "parameter": {"code": "parameter_invalid_empty"},
    "no code": {},
    "state, shown": {"code": "payment_intent_unexpected_state", "shown": True},
    "state, not shown": {"code": "payment_intent_unexpected_state"},
    "something else, shown": {"code": "amount_too_large", "shown": True},
}


async def _nothing(cart: Cart) -> None:
    await cart.owe()


async def _in_3ds(cart: Cart) -> None:
    await cart.owe()
    await cart.pay(CHALLENGED)


async def _held(cart: Cart) -> None:
    await cart.owe(capture_method="manual")
    await cart.pay()


OPERATIONS: dict[str, tuple[Callable[[Cart], Awaitable[None]], Callable[[Cart], Awaitable[httpx.Response]], str]] = {
    "update": (_nothing, lambda cart: cart.put(amount=2000), ONE),
    "update in 3DS": (_in_3ds, lambda cart: cart.put(cart_version=2), ONE),
    "cancel for another price": (_in_3ds, lambda cart: cart.put(amount=2000), CANCEL),
    "cancel": (_nothing, lambda cart: cart.cancel(), CANCEL),
    "capture": (_held, lambda cart: cart.capture(), CAPTURE),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_refusal_is_told_once_and_followed_by_silence(
    cart: Cart, sandbox: SandboxClient, sweep: Sweep, operation: str, refusal: str
) -> None:
    begin, ask, path = OPERATIONS[operation]
    await begin(cart)
    await sweep()
    before = (await cart.get(sync="true")).json()
    await sandbox.clear_requests()
    await sandbox.refuse_next(path=path, count=99, **REFUSALS[refusal])
    answer = await ask(cart)
    sent = await _sent(sandbox)
    assert (answer.status_code, answer.json()["code"]) == (422, "stripe_refused")
    assert answer.json()["detail"].endswith("An unknown error occurred.")
    assert answer.json().get("stripe_code") == REFUSALS[refusal].get("code")
    assert len([each for each in sent if each.startswith("POST")]) == 1
    assert len(sent) <= 2 <= MAX_CALLS
    await sandbox.clear_requests()
    await sweep()
    assert await _sent(sandbox) == []
    after = await cart.state()
    changing = {"updated_at", "expires_at", "is_price_refused", "attempts"}
    assert {name for name in after if after[name] != before[name]} <= changing
    await sandbox.clear_faults()
    assert (await ask(cart)).is_success  # nothing is stuck


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_creation_is_told_and_the_next_put_opens_another(
    cart: Cart, sandbox: SandboxClient, sweep: Sweep, refusal: str
) -> None:
    await sandbox.refuse_next(path="/v1/payment_intents", count=99, **REFUSALS[refusal])
    answer = await cart.put()
    assert (answer.status_code, len(await _sent(sandbox))) == (422, 1)
    await sandbox.clear_requests()
    await sweep()
    assert await _sent(sandbox) == []
    await sandbox.clear_faults()
    again = await cart.put()
    assert (again.status_code, again.json()["generation"]) == (201, 2)


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_an_abandoned_one_that_stripe_does_not_cancel_is_left_alone_for_another_day(
    cart: Cart, sandbox: SandboxClient, database: Database, sweep: Sweep, refusal: str
) -> None:
    await cart.owe()
    await sandbox.wait_idle()
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    await sandbox.clear_requests()
    await sandbox.refuse_next(path=CANCEL, count=99, **REFUSALS[refusal])
    await sweep()
    assert len([each for each in await _sent(sandbox) if each.endswith("/cancel")]) == 1
    await sandbox.clear_requests()
    await sweep()
    assert await _sent(sandbox) == []
    await sandbox.clear_faults()
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["closed_reason"] == "abandoned"

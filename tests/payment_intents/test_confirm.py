"""A confirm from here takes the price that the shopper saw, or nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart, Json
from tests.checkout import Checkout
from tests.database import Database
from tests.stripe_calls import confirmation_token
from tests.waiting import until_held

DECLINED, CHALLENGED = "4000000000000002", "4000002760003184"
CONFIRM = "/v1/payment_intents/*/confirm"
BACK = "https://shop.example/back"


async def _confirm(cart: Cart, token: str, *, api: httpx.AsyncClient | None = None, **changes: Any) -> httpx.Response:
    body = {"confirmation_token": token, "amount": 1000, "return_url": BACK} | changes
    return await (api or cart.api).post(f"{cart.path}/payment-intent/confirm", json=body)


async def test_what_was_seen_is_paid(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe(cart_version=3)
    answer = await _confirm(cart, await confirmation_token(sandbox), cart_version=3)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json() == {
        "status": "succeeded",
        "amount": 1000,
        "currency": "eur",
        "message": "Your payment has arrived.",
        "client_secret": None,
    }
    assert (await cart.state())["amount_received"] == 1000


@pytest.mark.parametrize("seen", [{"amount": 999}, {"cart_version": 2}, {"cart_version": 4}], ids=repr)
async def test_another_price_than_the_owed_is_told_and_nothing_is_tried(
    cart: Cart, sandbox: SandboxClient, seen: Json
) -> None:
    await cart.owe(cart_version=3)
    answer = await _confirm(cart, await confirmation_token(sandbox), **seen)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (409, "price_changed")
    assert (told["amount"], told["currency"], told["cart_version"]) == (1000, "eur", 3)
    assert (await cart.at_stripe())["latest_charge"] is None
    assert (await cart.state())["is_synced"]


async def test_a_change_that_comes_before_is_told_and_one_that_comes_after_finds_it_paid(
    cart: Cart, sandbox: SandboxClient
) -> None:
    await cart.owe()
    await sandbox.hold("/v1/payment_intents/pi_*", method="POST")
    changing = asyncio.create_task(cart.put(amount=1500))
    await until_held(sandbox)
    confirming = asyncio.create_task(_confirm(cart, await confirmation_token(sandbox)))
    await asyncio.sleep(0.2)
    await sandbox.release()
    assert (await changing).status_code == 200
    assert (await confirming).json()["code"] == "price_changed"
    await sandbox.hold(CONFIRM, method="POST")
    confirming = asyncio.create_task(_confirm(cart, await confirmation_token(sandbox), amount=1500))
    await until_held(sandbox)
    changing = asyncio.create_task(cart.put(amount=1700))
    await asyncio.sleep(0.2)
    await sandbox.release()
    assert (await confirming).json()["status"] == "succeeded"
    assert (await changing).json()["code"] == "already_paid"
    state = await cart.state()
    assert (state["amount_received"], state["flags"]) == (1500, [])


async def test_a_double_click_pays_once(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    token = await confirmation_token(sandbox)
    answers = await asyncio.gather(*(_confirm(cart, token) for _ in range(5)))
    assert {each.json()["status"] for each in answers} == {"succeeded"}
    assert len(await sandbox.objects("charge")) == 1
    again = await _confirm(cart, token)
    assert (again.status_code, again.json()["status"]) == (200, "succeeded")


async def test_an_answer_that_is_lost_is_asked_for_again(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    token = await confirmation_token(sandbox)
    await sandbox.lose_next_answer(path=CONFIRM, count=3)
    assert (await _confirm(cart, token)).status_code == 503
    answer = await _confirm(cart, token)
    assert answer.json()["status"] == "succeeded"
    assert len(await sandbox.objects("charge")) == 1


async def test_it_waits_while_a_request_may_arrive_that_changes_the_price(
    cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await cart.owe()
    await database.recheck_in(timedelta(minutes=1))
    answer = await _confirm(cart, await confirmation_token(sandbox))
    assert (answer.status_code, answer.json()["code"]) == (503, "sync_pending")
    assert (await cart.at_stripe())["latest_charge"] is None


async def test_a_decline_is_told_without_its_reason_and_another_card_pays(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    declined = await _confirm(cart, await confirmation_token(sandbox, DECLINED))
    assert (declined.status_code, declined.json()["code"]) == (402, "payment_declined")
    assert "stripe_code" not in declined.json()
    assert "generic_decline" not in declined.text
    state = await cart.state()
    assert (state["status"], state["is_synced"]) == ("requires_payment_method", True)
    assert (await _confirm(cart, await confirmation_token(sandbox))).json()["status"] == "succeeded"
    await sandbox.wait_idle()
    assert [each["status"] for each in await cart.attempts()] == ["succeeded", "failed"]


async def test_a_challenge_is_left_to_the_page(cart: Cart, sandbox: SandboxClient) -> None:
    made = await cart.owe()
    answer = (await _confirm(cart, await confirmation_token(sandbox, CHALLENGED))).json()
    assert (answer["status"], answer["client_secret"]) == ("requires_action", made["client_secret"])
    await sandbox.authenticate(made["stripe_id"])
    await sandbox.wait_idle()
    assert (await cart.state())["status"] == "succeeded"


async def test_a_used_token_is_refused_in_stripes_words(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    token = await confirmation_token(sandbox)
    await _confirm(cart, token)
    other = cart.another("/v1/carts/c2")
    await other.owe()
    answer = await _confirm(other, token)
    assert (answer.status_code, answer.json()["code"]) == (422, "stripe_refused")
    assert (await other.state())["is_synced"]


async def test_a_page_confirms_with_its_checkout_token_its_own_cart_alone(
    cart: Cart, sandbox: SandboxClient, anonymous: httpx.AsyncClient
) -> None:
    await cart.owe()
    await cart.another("/v1/carts/c2").owe()
    token = (await cart.api.post(f"{cart.path}/checkout-token")).json()["token"]
    async with httpx.AsyncClient(base_url=anonymous.base_url, trust_env=False) as page:
        page.headers["Authorization"] = f"Bearer {token}"
        other = await _confirm(cart.another("/v1/carts/c2"), await confirmation_token(sandbox), api=page)
        assert other.status_code == 403
        paid = await _confirm(cart, await confirmation_token(sandbox), api=page)
    assert paid.json()["status"] == "succeeded"


async def test_what_is_over_or_of_a_session_is_not_confirmed(
    cart: Cart, checkout: Checkout, sandbox: SandboxClient
) -> None:
    assert (await _confirm(cart, "ctoken_1")).json()["code"] == "payment_intent_not_found"
    await cart.owe()
    await cart.cancel()
    assert (await _confirm(cart, "ctoken_1")).json()["code"] == "not_confirmable"
    await checkout.open()
    assert (await _confirm(cart, "ctoken_1")).json()["code"] == "not_confirmable"


@pytest.mark.parametrize(
    "wrong", [{"confirmation_token": "pm_1"}, {"amount": 0}, {"return_url": "shop"}, {"currency": "eur"}], ids=repr
)
async def test_bad_input_is_refused(cart: Cart, wrong: Json) -> None:
    await cart.owe()
    assert (await _confirm(cart, "ctoken_1", **wrong)).status_code == 422

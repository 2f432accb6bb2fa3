"""Which methods a payment may be made with, and how long it may lie untouched, are the caller's to say."""

from datetime import timedelta

import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart, Json
from tests.conftest import Sweep
from tests.database import LAST_ACTIVITY, Database


async def test_methods_are_sent_changed_in_place_and_read_back(cart: Cart, sandbox: SandboxClient) -> None:
    made = await cart.owe(excluded_payment_method_types=["us_bank_account", "klarna"])
    assert made["excluded_payment_method_types"] == ["us_bank_account", "klarna"]
    changed = await cart.owe(excluded_payment_method_types=["klarna"])
    assert (changed["stripe_id"], changed["is_synced"]) == (made["stripe_id"], True)
    unset = await cart.owe()
    assert (unset["stripe_id"], unset["excluded_payment_method_types"]) == (made["stripe_id"], None)
    [held] = await sandbox.objects("payment_intent")
    assert not held["excluded_payment_method_types"]


async def test_named_methods_are_changed_in_place_and_given_up_for_another_payment_intent(
    cart: Cart, sandbox: SandboxClient
) -> None:
    made = await cart.owe(currency="usd", allowed_payment_method_types=["card", "us_bank_account"])
    [held] = await sandbox.objects("payment_intent")
    assert held["payment_method_types"] == ["card", "us_bank_account"]
    changed = await cart.owe(currency="usd", allowed_payment_method_types=["card"])
    assert (changed["stripe_id"], changed["allowed_payment_method_types"]) == (made["stripe_id"], ["card"])
    chosen_by_stripe = await cart.owe(currency="usd")
    assert (chosen_by_stripe["generation"], chosen_by_stripe["allowed_payment_method_types"]) == (2, None)
    named_again = await cart.owe(currency="usd", allowed_payment_method_types=["card"])
    assert named_again["generation"] == 3
    statuses = [each["status"] for each in await sandbox.objects("payment_intent")]
    assert sorted(statuses) == ["canceled", "canceled", "requires_payment_method"]


@pytest.mark.parametrize(
    "terms",
    [
        {"allowed_payment_method_types": ["card"], "excluded_payment_method_types": ["klarna"]},
        {"allowed_payment_method_types": []},
        {"allowed_payment_method_types": ["Card"]},
        {"excluded_payment_method_types": "card"},
        {"expires_after": 59},
        {"expires_after": "3600"},
        {"expires_after": 90 * 86400 + 1},
    ],
    ids=repr,
)
async def test_bad_input_changes_nothing(cart: Cart, database: Database, terms: Json) -> None:
    assert (await cart.put(**terms)).status_code == 422
    assert await database.is_untouched()


async def test_a_method_that_stripe_does_not_know_is_refused_in_its_words(cart: Cart) -> None:
    answer = await cart.put(allowed_payment_method_types=["shells"])
    assert (answer.status_code, answer.json()["code"]) == (422, "stripe_refused")
    assert "allowed_payment_method_types" in answer.text


@pytest.mark.parametrize(("seconds", "is_over"), [(3600, True), (7200, False)])
async def test_a_cart_lives_as_long_as_its_caller_says(
    cart: Cart, sweep: Sweep, database: Database, seconds: int, is_over: bool
) -> None:
    made = await cart.owe(expires_after=seconds)
    assert made["expires_after"] == seconds
    await database.age(timedelta(hours=1, minutes=1), LAST_ACTIVITY)
    await sweep()
    state = await cart.state()
    assert (state["closed_reason"] == "abandoned") is is_over


async def test_a_longer_life_outlasts_the_setting_until_it_is_unset(
    cart: Cart, sweep: Sweep, database: Database
) -> None:
    await cart.owe(expires_after=3 * 86400)
    await database.age(timedelta(days=2), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["closed_at"] is None
    unset = await cart.owe()
    assert unset["expires_after"] is None
    await database.age(timedelta(days=2), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["closed_reason"] == "abandoned"


async def test_the_next_generation_lives_as_long_as_the_request_that_opened_it(cart: Cart) -> None:
    await cart.owe(expires_after=7200)
    other = await cart.owe(allowed_payment_method_types=["card"], expires_after=600)
    assert (other["generation"], other["expires_after"]) == (2, 600)

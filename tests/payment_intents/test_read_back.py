"""A PaymentIntent tells all that is known of it: what was sent, how it was paid, and why it ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.payment_intents import recovery
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import CHALLENGED, DECLINED, Cart
from tests.conftest import Jobs
from tests.database import LAST_ACTIVITY, Database

ALL_TERMS: dict[str, Any] = {
    "cart_version": 3,
    "description": "Order 1001",
    "metadata": {"order": "1001"},
    "receipt_email": "ada@example.com",
    "shipping": {
        "name": "Ada",
        "phone": "+49301234",
        "carrier": "DHL",
        "tracking_number": "T1",
        "address": {
            "line1": "Street 1",
            "line2": None,
            "city": "Berlin",
            "state": None,
            "postal_code": "10115",
            "country": "DE",
        },
    },
    "statement_descriptor_suffix": "ORDER 1001",
    "setup_future_usage": "off_session",
    "capture_method": "manual",
}


def _ending(state: dict[str, Any]) -> tuple[str, str | None]:
    assert state["closed_at"] is not None
    return state["closed_reason"], state["closed_by"]


async def test_every_field_that_was_sent_is_read_back(cart: Cart) -> None:
    await cart.owe(**ALL_TERMS)
    state = await cart.state()
    assert {name: state[name] for name in ALL_TERMS} == ALL_TERMS
    assert (state["customer"], state["previous_payment_intent"]) == (None, None)
    assert state["dashboard_url"] == f"https://dashboard.stripe.com/test/payments/{state['stripe_id']}"


async def test_what_was_left_out_is_read_back_as_unset(cart: Cart) -> None:
    await cart.owe(**ALL_TERMS)
    state = await cart.owe(cart_version=4, capture_method="manual")
    assert {state[name] for name in ("receipt_email", "shipping", "setup_future_usage")} == {None}
    kept = ("description", "statement_descriptor_suffix")  # Stripe can't unset these
    assert {name: state[name] for name in kept} == {name: ALL_TERMS[name] for name in kept}
    assert state["metadata"] == {}


async def test_it_tells_the_payment_method_and_when_it_was_paid(cart: Cart) -> None:
    await cart.owe()
    await cart.pay(DECLINED)
    failed = await cart.state()
    await cart.pay()
    paid = await cart.state()
    assert (failed["payment_method"], failed["paid_at"]) == (None, None)
    assert failed["last_error"] == failed["attempts"]["last"]["explanation"]
    assert paid["payment_method"] == {
        "type": "card",
        "brand": "visa",
        "last4": "4242",
        "wallet": None,
        "country": "US",
    }
    assert (paid["last_error"], paid["closed_at"], paid["capture_before"]) == (None, None, None)
    assert datetime.now(UTC) - datetime.fromisoformat(paid["paid_at"]) < timedelta(minutes=1)


async def test_it_tells_until_when_a_hold_can_be_captured(cart: Cart, jobs: Jobs) -> None:
    await cart.owe(capture_method="manual")
    await cart.pay()
    await jobs()
    held = await cart.state()
    week = datetime.fromisoformat(held["capture_before"]) - datetime.now(UTC)
    assert timedelta(days=6) < week < timedelta(days=8)
    assert held["payment_method"]["last4"] == "4242"
    await cart.capture()
    assert (await cart.state())["capture_before"] is None


async def test_it_names_the_payment_that_it_follows(cart: Cart) -> None:
    first = await cart.owe()
    await cart.pay()
    second = await cart.owe(previous_payment_intent=first["id"], cart_version=2)
    assert second["previous_payment_intent"] == first["id"]


# Why it was closed, and who asked for it.


@pytest.mark.parametrize("reason", [None, "abandoned", "fraudulent"])
async def test_a_cancel_tells_who_asked_for_it(cart: Cart, reason: str | None) -> None:
    """The reason that goes to Stripe is the caller's own, whatever it says."""
    await cart.owe()
    await cart.cancel(reason=reason)
    state = await cart.state()
    assert (state["closed_reason"], state["closed_by"].partition("/")[0]) == ("requested", "client:shop")


async def test_an_expired_cart_is_abandoned(cart: Cart, resources: Resources, database: Database) -> None:
    await cart.owe()
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    [row] = await database.payment_intents()
    await recovery.recover(resources, row["id"])
    assert _ending(await cart.state()) == ("abandoned", None)


async def test_a_new_price_in_3ds_replaces_it(cart: Cart, sandbox: SandboxClient, database: Database) -> None:
    await cart.owe()
    await cart.pay(CHALLENGED)
    await cart.owe(amount=2000)
    first, _ = await database.payment_intents()
    assert (first["closed_reason"], first["cancel_requested_by"]) == ("replaced", None)


async def test_a_cancel_in_the_dashboard_is_told_as_such(cart: Cart, sandbox: SandboxClient) -> None:
    await sandbox.dashboard_cancel((await cart.owe())["stripe_id"])
    await sandbox.wait_idle()
    assert _ending(await cart.state()) == ("dashboard", None)


async def test_a_word_of_the_release_before_is_read_as_a_cancel_at_stripe(cart: Cart, database: Database) -> None:
    await cart.owe()
    await database.close("automatic")
    assert _ending(await cart.state()) == ("stripe", None)

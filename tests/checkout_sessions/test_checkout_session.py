"""A Checkout Session is opened, changed, paid and ended as a PaymentIntent is: one for each cart."""

from datetime import timedelta

import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart, Json
from tests.checkout import MUG, THANKS, Checkout
from tests.conftest import Jobs, NewKey, Sweep
from tests.database import LAST_ACTIVITY, Database

TEA: Json = {"name": "Tea", "unit_amount": 450, "quantity": 2, "description": "Green"}


async def test_it_is_opened_with_our_marks_and_what_could_change_the_sum_is_off(
    each_mode: Checkout, cart: Cart, database: Database
) -> None:
    answer = await each_mode.put(
        line_items=[MUG, TEA], cart_version=3, metadata={"order": "7"}, receipt_email="a@b.example"
    )
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    made = answer.json()
    assert (made["channel"], made["stripe_id"], made["status"]) == ("checkout_session", None, "requires_payment_method")
    assert (made["amount"], made["is_synced"], made["cart_version"]) == (1900, True, 3)
    [session] = await each_mode.at_stripe()
    checkout = made["checkout"]
    assert (checkout["stripe_id"], checkout["status"], checkout["payment_status"]) == (session["id"], "open", "unpaid")
    is_hosted = each_mode.ui_mode == "hosted_page"
    assert (checkout["url"], checkout["client_secret"]) == (session["url"], session["client_secret"])
    assert (checkout["url"] is not None, checkout["client_secret"] is not None) == (is_hosted, not is_hosted)
    assert session["metadata"].items() >= {"payment_intent_id": made["id"], "cart_version": "3", "order": "7"}.items()
    assert session["adaptive_pricing"] == {"enabled": False}
    assert session[("success" if is_hosted else "return") + "_url"] == THANKS
    assert session["client_reference_id"] == "c1"
    secret = (await cart.client_secret()).json()
    assert secret == {"client_secret": checkout["client_secret"], "url": checkout["url"]}
    assert str(checkout["url"] or checkout["client_secret"]) not in await database.dump()


async def test_the_same_again_is_the_same_session(each_mode: Checkout) -> None:
    made, again = await each_mode.open(), await each_mode.put()
    assert (again.status_code, again.json()["checkout"]) == (200, made["checkout"])
    assert len(await each_mode.at_stripe()) == 1


async def test_an_amount_alone_is_one_item(checkout: Checkout) -> None:
    made = await checkout.open(amount=1234, description="Order 7")
    assert (made["amount"], made["description"]) == (1234, "Order 7")
    [session] = await checkout.at_stripe()
    assert session["amount_total"] == 1234


async def test_other_items_change_elements_in_place_and_open_another_of_the_others(each_mode: Checkout) -> None:
    made = await each_mode.open()
    changed = await each_mode.open(line_items=[TEA])
    assert (changed["amount"], changed["is_synced"]) == (900, True)
    is_in_place = each_mode.ui_mode == "elements"
    assert (changed["checkout"]["stripe_id"] == made["checkout"]["stripe_id"]) is is_in_place
    assert changed["generation"] == (1 if is_in_place else 2)
    sessions = await each_mode.at_stripe()
    assert sorted(each["status"] for each in sessions) == (["open"] if is_in_place else ["expired", "open"])
    assert sessions[-1]["amount_total"] == 900 or sessions[0]["amount_total"] == 900


async def test_a_new_cart_version_at_the_same_price_stays_in_place(each_mode: Checkout) -> None:
    made = await each_mode.open(cart_version=1)
    changed = await each_mode.open(cart_version=2, metadata={"note": "x"})
    assert changed["checkout"]["stripe_id"] == made["checkout"]["stripe_id"]
    [session] = await each_mode.at_stripe()
    assert session["metadata"].items() >= {"cart_version": "2", "note": "x"}.items()
    stale = await each_mode.put(cart_version=1)
    assert stale.json()["code"] == "stale_cart_version"


async def test_it_is_paid_and_known_as_paid(each_mode: Checkout, cart: Cart, sandbox: SandboxClient) -> None:
    made = await each_mode.open()
    paid = await each_mode.pay()
    assert paid["status"] == "complete"
    await sandbox.wait_idle()
    state = await cart.state()
    assert (state["status"], state["amount_received"], state["flags"]) == ("succeeded", 1000, [])
    assert state["stripe_id"] == paid["payment_intent"]
    assert (state["checkout"]["status"], state["checkout"]["payment_status"]) == ("complete", "paid")
    [attempt] = await cart.attempts()
    assert (attempt["status"], attempt["amount"]) == ("succeeded", 1000)
    again = await each_mode.put()
    shown = again.json()["checkout"]
    assert (again.status_code, shown["url"], shown["client_secret"]) == (200, None, None)
    assert (await each_mode.put(line_items=[TEA])).json()["code"] == "already_paid"
    assert (await cart.client_secret()).status_code == 409
    follows = await each_mode.open(line_items=[TEA], previous_payment_intent=made["id"])
    assert (follows["generation"], follows["amount"]) == (2, 900)


async def test_it_is_refunded(checkout: Checkout, cart: Cart, sandbox: SandboxClient, new_key: NewKey) -> None:
    await checkout.open()
    await checkout.pay()
    await sandbox.wait_idle()
    headers = {"Idempotency-Key": "r1", "Authorization": f"Bearer {await new_key('refunds:write')}"}
    refund = await cart.api.post(f"{cart.path}/refunds", json={"amount": 400}, headers=headers)
    assert refund.status_code in {200, 201}, refund.text
    assert (await cart.state())["amount_refunded"] == 400


async def test_a_failed_attempt_is_told_and_the_session_can_still_be_paid(
    each_mode: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    await each_mode.open()
    with pytest.raises(Exception, match="402"):
        await each_mode.pay("pm_card_visa_chargeDeclined")
    await sandbox.wait_idle()
    state = await cart.state()
    assert (state["status"], state["attempts"]["failed"]) == ("requires_payment_method", 1)
    assert state["stripe_id"] is not None
    await each_mode.pay()
    await sandbox.wait_idle()
    assert (await cart.state())["status"] == "succeeded"


async def test_money_that_takes_days_is_waited_for_and_may_fail(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await checkout.open(currency="usd")
    paid = await checkout.pay("pm_usBankAccount_noAccount")
    assert (paid["status"], paid["payment_status"]) == ("complete", "unpaid")
    await sandbox.wait_idle()
    await jobs()
    assert (await cart.state())["status"] == "processing"
    assert (await checkout.put(currency="usd", line_items=[TEA])).json()["code"] == "payment_in_progress"
    await sandbox.advance(10 * 86400)
    await sandbox.wait_idle()
    await jobs()
    state = await cart.state()
    assert (state["status"], state["closed_reason"], state["attempts"]["failed"]) == ("canceled", "checkout_failed", 1)
    assert (await checkout.open(currency="usd"))["generation"] == 2


async def test_it_is_expired_on_request(each_mode: Checkout, cart: Cart) -> None:
    await each_mode.open()
    ended = await each_mode.expire()
    assert (ended.status_code, ended.json()["status"], ended.json()["closed_reason"]) == (200, "canceled", "requested")
    assert (await each_mode.expire()).status_code == 200
    assert [each["status"] for each in await each_mode.at_stripe()] == ["expired"]
    assert (await cart.client_secret()).json()["code"] == "client_secret_unavailable"
    assert (await each_mode.open())["generation"] == 2


async def test_a_payment_intent_is_no_checkout_session(checkout: Checkout, cart: Cart) -> None:
    assert (await checkout.expire()).json()["code"] == "payment_intent_not_found"
    await cart.owe()
    assert (await checkout.expire()).json()["code"] == "checkout_session_not_found"


async def test_it_ends_by_itself_and_the_cart_gets_its_next(
    each_mode: Checkout, cart: Cart, sandbox: SandboxClient
) -> None:
    await each_mode.open()
    await sandbox.advance(24 * 3600 + 1)
    await sandbox.wait_idle()
    state = await cart.state()
    assert (state["status"], state["closed_reason"]) == ("canceled", "checkout_expired")
    assert (await each_mode.open())["generation"] == 2


async def test_one_that_ended_unheard_is_not_handed_out(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await checkout.open()
    await sandbox.lose_webhooks()
    await sandbox.advance(24 * 3600 + 1)
    await database.end_checkout()
    assert (await cart.client_secret()).status_code == 503
    made = await checkout.open()
    assert (made["generation"], made["checkout"]["status"]) == (2, "open")


async def test_an_abandoned_one_is_expired_at_stripe(
    each_mode: Checkout, cart: Cart, database: Database, sweep: Sweep
) -> None:
    await each_mode.open(expires_after=3600)
    await database.age(timedelta(hours=1, minutes=1), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["closed_reason"] == "abandoned"
    assert [each["status"] for each in await each_mode.at_stripe()] == ["expired"]


@pytest.mark.parametrize(
    "terms",
    [
        {"line_items": []},
        {"line_items": [MUG], "amount": 1000},
        {"line_items": [MUG | {"quantity": 0}]},
        {"line_items": [MUG | {"adjustable_quantity": {"enabled": True}}]},
        {"line_items": [MUG | {"unit_amount": 999_999_999_999, "quantity": 2}]},
        {"allow_promotion_codes": True},
        {"automatic_tax": {"enabled": True}},
        {"shipping_options": []},
        {"ui_mode": "custom"},
        {"return_url": "javascript:alert(1)"},
        {"ui_mode": "elements", "cancel_url": "https://shop.example"},
        {"currency": "xxx"},
    ],
    ids=repr,
)
async def test_bad_input_changes_nothing(checkout: Checkout, database: Database, terms: Json) -> None:
    assert (await checkout.put(**terms)).status_code == 422
    assert await database.is_untouched()


async def test_its_history_says_how_it_began_and_ended(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, database: Database
) -> None:
    await checkout.open()
    await sandbox.advance(24 * 3600 + 1)
    await sandbox.wait_idle()
    told = (await cart.api.get(f"{cart.path}/timeline")).json()["data"]
    assert [each["headline"] for each in told] == ["Payment begun", "Canceled"]
    assert told[0]["sentence"].endswith("in a Checkout Session.")
    assert told[1]["sentence"] == "Its Checkout Session was open for as long as Stripe allows, and nobody paid."
    [opened] = await database.domain_events("payment.opened")
    assert opened["data"]["channel"] == "checkout_session"

"""After an old backup was restored, Checkout Sessions come back as PaymentIntents do, and two can never be paid."""

from datetime import UTC, datetime, timedelta

from app.reconcile import service as reconcile
from app.reconcile.service import Tally
from app.reconcile.sync import sync
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.checkout import Checkout
from tests.conftest import Jobs
from tests.database import Database


async def _replay(resources: Resources) -> Tally:
    return await reconcile.replay(resources, datetime.now(UTC) - timedelta(days=1), on_page=lambda *_: None)


async def test_an_untouched_session_comes_back_and_is_changed_by_the_next_put(
    each_mode: Checkout, cart: Cart, database: Database, resources: Resources
) -> None:
    made = await each_mode.open(cart_version=3)
    await database.restore_empty_backup()
    assert (await _replay(resources)).adopted == 1
    back = await cart.state()
    assert (back["id"], back["channel"], back["amount"], back["cart_version"]) == (
        made["id"],
        "checkout_session",
        1000,
        3,
    )
    assert (await _replay(resources)).adopted == 0
    again = await each_mode.open(amount=2000, cart_version=4)
    assert again["amount"] == 2000
    assert await each_mode.payable() == [again["checkout"]["stripe_id"]]


async def test_a_paid_session_comes_back_by_the_events_of_its_payment_intent(
    checkout: Checkout, cart: Cart, sandbox: SandboxClient, database: Database, resources: Resources, jobs: Jobs
) -> None:
    await checkout.open()
    await checkout.pay()
    await sandbox.wait_idle()
    before = await cart.state()
    await database.restore_empty_backup()
    await _replay(resources)
    await jobs()
    after = await cart.state()
    names = ("id", "status", "channel", "stripe_id", "amount_received", "checkout")
    assert [after[name] for name in names] == [before[name] for name in names]


async def test_a_session_that_comes_back_beside_another_payment_is_expired(
    checkout: Checkout, cart: Cart, database: Database, resources: Resources, jobs: Jobs
) -> None:
    made = await checkout.open()
    session = await checkout.newest_id()
    await database.restore_empty_backup()
    other = await cart.owe()
    assert len(await checkout.payable()) == 2
    await sync(resources, session)
    await jobs()
    assert await checkout.payable() == [other["stripe_id"]]
    listed = (await cart.api.get(f"{cart.path}/payment-intents")).json()["data"]
    assert {each["id"]: each["closed_reason"] for each in listed} == {other["id"]: None, made["id"]: "surplus"}


async def test_it_is_found_by_stripes_id(checkout: Checkout, cart: Cart) -> None:
    made = await checkout.open()
    session = made["checkout"]["stripe_id"]
    found = await cart.api.get("/v1/search", params={"q": session})
    assert [each["id"] for each in found.json()["data"]] == [made["id"]]
    assert (await cart.cancel(payment_intent=session)).json()["status"] == "canceled"

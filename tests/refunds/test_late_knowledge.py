"""What is not known here yet, or any more, is learned before money is given back."""

from app.reconcile.sync import sync
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.cart import Cart
from tests.database import Database
from tests.refunds.conftest import Shop


async def test_a_refund_that_a_backup_had_lost_answers_its_key(
    shop: Shop, sandbox: SandboxClient, resources: Resources, database: Database
) -> None:
    paid = await shop.sell()
    first = await shop.refund("k1", amount=3000)
    await sandbox.wait_idle()
    await database.restore_empty_backup()
    await sandbox.age(25 * 3600)  # Stripe forgets its keys
    await sync(resources, paid["stripe_id"])
    again = await shop.refund("k1", amount=3000)
    other = await shop.refund("k2", amount=100)
    assert again.status_code == 201
    assert (again.json()["id"], again.json()["stripe_id"]) == (first.json()["id"], first.json()["stripe_id"])
    assert other.json()["id"] != first.json()["id"]
    assert await sandbox.count("refunds") == 2


async def test_a_refund_of_a_session_that_was_moved_takes_no_other_order(
    shop: Shop, sandbox: SandboxClient, database: Database
) -> None:
    session = Cart(shop.api, sandbox, database, "/v1/sessions/s1")
    first = await session.owe()
    await session.pay()
    await session.owe(previous_payment_intent=first["id"])
    await session.pay()
    await session.attach_to("c1")
    path, key = "/v1/sessions/s1/refunds", {"Idempotency-Key": "k1"}
    unnamed = await shop.api.post(path, json={}, headers=key)
    named = await shop.api.post(path, json={"payment_intent": first["id"]}, headers=key)
    assert (unnamed.status_code, unnamed.json()["code"], unnamed.json()["cart_id"]) == (409, "moved", "c1")
    assert (named.status_code, named.json()["payment_intent_id"]) == (201, first["id"])


async def test_stripe_is_asked_first_when_the_webhook_of_the_success_is_late(
    shop: Shop, sandbox: SandboxClient, database: Database
) -> None:
    cart = Cart(shop.api, sandbox, database)
    await cart.owe()
    await sandbox.pause_webhooks()
    await cart.confirm()
    refund = await shop.refund("k1", amount=300)
    await sandbox.restore_webhooks()
    assert (refund.status_code, refund.json()["amount"]) == (201, 300)

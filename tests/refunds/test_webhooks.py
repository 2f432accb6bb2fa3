"""Webhooks about refunds: made in the dashboard, faster than our commit, twice, late or never."""

import asyncio
import json
import time
from typing import Any

from stripe import WebhookSignature

from app.payment_intents.protocol.state import Actor
from app.refunds import finishing
from app.resources import Resources
from sandbox.client import SandboxClient
from tests.conftest import WEBHOOK_SECRET, Jobs
from tests.refunds.conftest import Shop
from tests.waiting import until_held


async def _tell(shop: Shop, refund: dict[str, Any], type_: str = "refund.updated") -> str:
    """Send a signed event with this refund in it; give what became of it."""
    event = {"id": f"evt_{time.monotonic_ns()}", "object": "event", "type": type_, "created": 1, "livemode": False}
    body = json.dumps(event | {"data": {"object": refund}})
    header = WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET, int(time.time()))
    answer = await shop.api.post("/v1/stripe/webhook", content=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"])


async def test_a_dashboard_refund_is_adopted_once_and_counts(
    shop: Shop, sandbox: SandboxClient, resources: Resources, jobs: Jobs
) -> None:
    payment = await shop.sell()
    await sandbox.duplicate_webhooks(2)
    made = await sandbox.dashboard_refund(payment["stripe_id"], 4000, "fraudulent")
    await sandbox.wait_idle()
    await jobs()
    over = await shop.refund("k1", amount=6001)
    rest = await shop.refund("k2")
    await jobs()

    [ours, adopted] = await shop.refunds()
    assert (adopted["stripe_id"], adopted["amount"], adopted["reason"]) == (made["id"], 4000, "fraudulent")
    assert (adopted["origin"], adopted["status"], adopted["metadata"]) == ("stripe", "succeeded", {})
    assert (over.json()["code"], over.json()["amount_refundable"]) == ("refund_exceeds_payment", 6000)
    assert (rest.json()["amount"], ours["origin"]) == (6000, "api")
    assert await shop.totals() == (10_000, 0)
    assert [type_ for type_, _ in await shop.events()] == [
        "refund.succeeded",
        "refund.requested",
        "refund.succeeded",
    ]


async def test_a_webhook_faster_than_our_commit_is_known_by_its_mark_and_counted_once(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await shop.sell()
    await sandbox.hold("/v1/refunds", method="POST", after_work=True)
    asked = asyncio.create_task(shop.refund("k1", amount=3000))
    await until_held(sandbox)
    await sandbox.wait_idle()
    [early] = await shop.refunds()
    await sandbox.release()
    answer = await asked
    await jobs()

    assert (early["status"], early["origin"]) == ("succeeded", "api")
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (201, early["id"], "succeeded")
    assert len(await shop.refunds()) == 1
    assert await shop.totals() == (3000, 7000)


async def test_events_in_any_order_and_twice_end_alike(shop: Shop, sandbox: SandboxClient, jobs: Jobs) -> None:
    payment = await shop.sell(card="pm_card_refundFail")
    await sandbox.pause_webhooks()
    await shop.refund("k1", amount=3000)
    await sandbox.dashboard_refund(payment["stripe_id"], 2000)
    await sandbox.advance(60)
    await shop.refund("k2", amount=1000)
    await sandbox.shuffle_webhooks()
    await sandbox.duplicate_webhooks(2)
    await sandbox.resume_webhooks()
    await sandbox.wait_idle()
    await jobs()
    assert sorted(each["status"] for each in await shop.refunds()) == ["failed", "failed", "succeeded"]
    assert await shop.totals() == (1000, 9000)


async def test_a_late_success_does_not_revive_a_failed_refund(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell(card="pm_card_refundFail")
    await shop.refund("k1", amount=3000)
    [before] = await sandbox.objects("refunds")
    await sandbox.advance(60)
    assert await shop.totals() == (0, 10_000)
    assert await _tell(shop, before) == "recorded"
    assert await shop.totals() == (0, 10_000)


async def test_a_refused_refund_that_stripe_made_after_all_succeeds(shop: Shop, sandbox: SandboxClient) -> None:
    payment = await shop.sell()
    await sandbox.fail_next(400, code="charge_not_refundable", path="/v1/refunds")
    refused = await shop.refund("k1", amount=3000)
    state = await shop.state()
    made = await sandbox.dashboard_refund(payment["stripe_id"], 3000)
    await sandbox.wait_idle()
    assert (refused.json()["stripe_code"], state["amount_refundable"]) == ("charge_not_refundable", 10_000)
    assert len(await shop.refunds()) == 2

    marks = {"instance": "test", "payment_intent_id": payment["id"], "refund_id": refused.json()["refund_id"]}
    landed = {**made, "id": "re_late", "amount": 3000, "metadata": marks}
    assert await _tell(shop, landed, "refund.created") == "recorded"
    revived = (await shop.api.get(f"/v1/refunds/{refused.json()['refund_id']}")).json()
    assert (revived["status"], revived["stripe_id"], revived["refusal"]) == ("succeeded", "re_late", None)
    assert (await shop.state())["amount_refundable"] == 4000
    assert (await shop.refund("k1", amount=3000)).status_code == 201


async def test_the_mark_of_another_installation_or_of_an_answered_refund_is_not_believed(
    shop: Shop, sandbox: SandboxClient
) -> None:
    await shop.sell()
    ours = (await shop.refund("k1", amount=1000)).json()
    [refund] = await sandbox.objects("refunds")
    for name, instance in (("re_copy", "test"), ("re_staging", "staging")):
        metadata = refund["metadata"] | {"instance": instance}
        await _tell(shop, {**refund, "id": name, "metadata": metadata})
    rows = {each["stripe_id"]: each["origin"] for each in await shop.refunds()}
    assert rows == {ours["stripe_id"]: "api", "re_copy": "stripe", "re_staging": "stripe"}


async def test_a_refund_of_a_payment_that_is_not_ours_is_ignored(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell()
    await shop.refund("k1", amount=1000)
    [refund] = await sandbox.objects("refunds")
    for other in ({"payment_intent": "pi_other"}, {"payment_intent": None}):
        assert await _tell(shop, {**refund, "id": "re_other", "metadata": {}, **other}) == "ignored"
    assert len(await shop.refunds()) == 1


async def test_every_status_of_stripes_is_recorded(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell(card="pm_card_pendingRefund")
    statuses = ["requires_action", "canceled", "pending", None, "unheard_of"]
    for number, status in enumerate(statuses):
        stripe_id = (await shop.refund(f"k{number}", amount=1000)).json()["stripe_id"]
        await sandbox.wait_idle()  # Stripe's own news of it must not come after ours
        [refund] = [each for each in await sandbox.objects("refunds") if each["id"] == stripe_id]
        await _tell(shop, {**refund, "status": status}, "charge.refund.updated")
    rows = await shop.refunds()
    assert [row["status"] for row in rows[::-1]] == ["requires_action", "canceled", "pending", "pending", "unheard_of"]
    assert (await shop.state())["amount_refundable"] == 6000  # only the canceled one is free again


async def test_a_dashboard_refund_whose_webhook_was_lost_is_found_by_charge_refunded(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs
) -> None:
    payment = await shop.sell()
    await sandbox.lose_webhooks(2)
    await sandbox.dashboard_refund(payment["stripe_id"], 1000)
    await sandbox.wait_idle()
    assert (await shop.state())["amount_refunded"] == 0
    [told] = await sandbox.events("charge.refunded")
    await sandbox.redeliver(told["id"])
    await sandbox.wait_idle()
    await jobs()
    assert await shop.totals() == (1000, 9000)


async def test_a_sync_finds_every_refund_whose_webhook_was_lost(
    shop: Shop, sandbox: SandboxClient, resources: Resources
) -> None:
    payment = await shop.sell()
    await sandbox.lose_webhooks()
    for _ in range(3):
        await sandbox.dashboard_refund(payment["stripe_id"], 1000)
    payment_intents = (await shop.state())["id"]
    for _ in range(2):
        await finishing.sync(resources, payment_intents, Actor("test"))
    assert await shop.totals() == (3000, 7000)


def _release(payment: dict[str, Any], amount: int, **more: Any) -> dict[str, Any]:
    """Return the refund that API versions before 2025-03-31 make of the part of a hold that is not captured."""
    facts: dict[str, Any] = {
        "id": "re_hold",
        "object": "refund",
        "status": "succeeded",
        "balance_transaction": None,
        "metadata": {},
    }
    return facts | {"payment_intent": payment["stripe_id"], "amount": amount, "currency": "eur", "created": 1} | more


async def test_the_released_part_of_a_hold_is_not_given_back(shop: Shop, sandbox: SandboxClient, jobs: Jobs) -> None:
    payment = await shop.sell(capture_method="manual")
    await jobs()
    await shop.api.post("/v1/carts/c1/payment-intent/capture", json={"amount": 7000})
    await sandbox.wait_idle()
    assert await _tell(shop, _release(payment, 3000), "refund.created") == "recorded"
    assert await shop.totals() == (0, 7000)

    await sandbox.dashboard_refund(payment["stripe_id"], 3000)  # as much, and money that was captured
    assert await shop.totals() == (3000, 4000)


async def test_a_released_hold_is_not_given_back_even_if_its_refund_is_told_first(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs
) -> None:
    payment = await shop.sell(capture_method="manual")
    await jobs()
    assert await _tell(shop, _release(payment, 10_000), "refund.created") == "recorded"
    await jobs()
    held = await shop.state()
    await shop.api.post("/v1/carts/c1/payment-intent/cancel", json={})
    await sandbox.wait_idle()
    assert await _tell(shop, _release(payment, 10_000, id="re_2"), "refund.created") == "recorded"
    released = await shop.state()
    assert (held["amount_refunded"], held["status"]) == (0, "requires_capture")
    assert (released["amount_refunded"], released["status"]) == (0, "canceled")
    assert await shop.refunds() == []

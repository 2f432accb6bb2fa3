"""What Stripe says of a refund: yes, later, no, or nothing at all."""

from datetime import timedelta

import pytest

from app.resources import Resources
from sandbox.client import SandboxClient
from tests.conftest import Jobs
from tests.refunds.conftest import Later, Shop

REFUNDS = "/v1/refunds"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def test_a_pending_refund_counts_and_succeeds_later(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell(card="pm_card_pendingRefund")
    pending = await shop.refund("k1", amount=3000)
    assert await shop.totals() == (3000, 7000)
    await sandbox.advance(60)
    await sandbox.wait_idle()
    again = await shop.refund("k1", amount=3000)

    assert (pending.status_code, pending.json()["status"]) == (201, "pending")
    assert (again.status_code, again.json()["status"]) == (201, "succeeded")
    assert await shop.totals() == (3000, 7000)


async def test_a_pending_refund_whose_webhook_was_lost_is_asked_about(
    shop: Shop, sandbox: SandboxClient, later: Later
) -> None:
    await shop.sell(card="pm_card_pendingRefund")
    await shop.refund("k1", amount=3000)
    await sandbox.lose_webhooks()
    await later(timedelta(hours=1))
    assert (await shop.refunds())[0]["status"] == "succeeded"
    assert await shop.totals() == (3000, 7000)


async def test_a_succeeded_refund_that_fails_frees_its_amount_and_says_that_the_customer_was_not_repaid(
    shop: Shop, sandbox: SandboxClient, resources: Resources
) -> None:
    await shop.sell(card="pm_card_refundFail")
    first = await shop.refund("k1")
    assert await shop.totals() == (10_000, 0)
    await sandbox.advance(60)
    assert await shop.totals() == (0, 10_000)

    read = (await shop.api.get(f"/v1/refunds/{first.json()['id']}")).json()
    assert (first.json()["status"], read["status"]) == ("succeeded", "failed")
    assert read["failure_reason"] == "expired_or_canceled_card"
    events = await shop.events()
    assert [type_ for type_, _ in events] == ["refund.requested", "refund.succeeded", "refund.failed"]
    told = events[-1][1]
    assert (told["previous_status"], told["is_customer_repaid"]) == ("succeeded", False)
    assert told["failure_reason"] == "expired_or_canceled_card"


async def test_a_payment_that_was_fully_refunded_elsewhere_is_refused_with_stripes_code_and_learned_of(
    shop: Shop, sandbox: SandboxClient, resources: Resources, jobs: Jobs
) -> None:
    payment = await shop.sell()
    await sandbox.lose_webhooks()
    await sandbox.dashboard_refund(payment["stripe_id"])
    refused = await shop.refund("k1", amount=100)
    again = await shop.refund("k1", amount=100)

    for answer in (refused, again):
        assert (answer.status_code, answer.json()["code"]) == (422, "stripe_refused")
        assert answer.json()["stripe_code"] == "charge_already_refunded"
    [row] = await shop.refunds()
    assert (row["id"], row["status"]) == (refused.json()["refund_id"], "refused")
    assert row["refusal"]["stripe_code"] == "charge_already_refunded"
    assert (await shop.state())["amount_refundable"] == 10_000  # the reservation is free again
    await jobs()
    assert await shop.totals() == (10_000, 0)
    types = [type_ for type_, _ in await shop.events()]
    assert types == ["refund.requested", "refund.failed", "refund.succeeded"]


async def test_a_refusal_without_a_code_has_stripes_message_and_frees_the_amount(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs
) -> None:
    payment = await shop.sell()
    await sandbox.lose_webhooks()
    await sandbox.dashboard_refund(payment["stripe_id"], 6000)
    refused = await shop.refund("k1", amount=5000)

    assert (refused.status_code, refused.json()["code"]) == (422, "stripe_refused")
    assert "stripe_code" not in refused.json()
    assert "greater than unrefunded amount" in refused.json()["detail"]
    await jobs()
    assert await shop.totals() == (6000, 4000)
    assert (await shop.refund("k2", amount=4000)).status_code == 201
    assert await shop.totals() == (10_000, 0)


async def test_a_disputed_payment_is_refused_with_stripes_code(shop: Shop) -> None:
    await shop.sell(card="pm_card_createDispute")
    refused = await shop.refund("k1", amount=100)
    assert (refused.status_code, refused.json()["stripe_code"]) == (422, "charge_disputed")
    assert await shop.totals() == (0, 0)


async def test_an_answer_that_is_lost_once_is_found_by_the_retry(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs
) -> None:
    await shop.sell()
    await sandbox.lose_next_answer(path=REFUNDS)
    answer = await shop.refund("k1", amount=3000)
    await jobs()
    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (3000, 7000)


@pytest.mark.parametrize(
    "is_done",
    [pytest.param(True, id="Stripe did it"), pytest.param(False, id="Stripe did nothing", marks=pytest.mark.slow)],
)
async def test_an_unknown_outcome_keeps_the_reservation_and_a_job_finds_it_out(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs, *, is_done: bool
) -> None:
    await shop.sell()
    await sandbox.lose_webhooks()
    await (sandbox.lose_next_answer if is_done else sandbox.drop_next)(path=REFUNDS, count=3)
    unknown = await shop.refund("k1", amount=6000)
    again = await shop.refund("k1", amount=6000)
    over = await shop.refund("k2", amount=6000)
    state = await shop.state()

    assert (unknown.status_code, unknown.json()["status"]) == (202, None)
    assert again.json() == unknown.json()
    assert over.json()["code"] == "refund_exceeds_payment"
    assert (state["amount_refunded"], state["amount_refundable"]) == (0, 4000)
    await jobs()
    found = await shop.refund("k1", amount=6000)
    assert (found.status_code, found.json()["status"]) == (201, "succeeded")
    assert found.json()["id"] == unknown.json()["id"]
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (6000, 4000)


@pytest.mark.parametrize(
    "is_done",
    [pytest.param(True, id="Stripe did it"), pytest.param(False, id="Stripe did nothing", marks=pytest.mark.slow)],
)
async def test_an_error_that_stripe_repeats_for_a_day_never_refunds_twice(
    shop: Shop, sandbox: SandboxClient, later: Later, *, is_done: bool
) -> None:
    await shop.sell()
    await sandbox.lose_webhooks()
    await sandbox.fail_next(500, stored=True, done=is_done, path=REFUNDS)
    unknown = await shop.refund("k1", amount=3000)
    await later(MINUTE)
    within = await shop.refund("k1", amount=3000)
    await later(DAY + 2 * MINUTE)  # Stripe forgot the key
    after = await shop.refund("k1", amount=3000)

    assert unknown.status_code == 202
    assert within.json()["status"] == ("succeeded" if is_done else None)
    assert after.json()["status"] == "succeeded"
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (3000, 7000)


async def test_a_refund_whose_key_stripe_forgot_is_found_by_its_mark(
    shop: Shop, sandbox: SandboxClient, later: Later
) -> None:
    await shop.sell()
    await sandbox.lose_webhooks()
    await sandbox.lose_next_answer(path=REFUNDS, count=3)
    unknown = await shop.refund("k1", amount=3000)
    await later(2 * DAY)
    assert (await shop.refund("k1", amount=3000)).json()["id"] == unknown.json()["id"]
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (3000, 7000)


async def test_while_stripe_is_down_the_job_waits_and_the_sweep_comes_back(
    shop: Shop, sandbox: SandboxClient, jobs: Jobs, later: Later
) -> None:
    await shop.sell()
    await sandbox.rate_limit_next(path=REFUNDS, count=100)
    unknown = await shop.refund("k1", amount=3000)
    await jobs()
    still = await shop.refund("k1", amount=3000)
    await sandbox.clear_faults()
    await later(MINUTE)
    done = await shop.refund("k1", amount=3000)

    assert (unknown.status_code, still.status_code, done.status_code) == (202, 202, 201)
    assert done.json()["status"] == "succeeded"
    assert await shop.totals() == (3000, 7000)

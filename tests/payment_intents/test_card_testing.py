"""Card testing: who tries out cards on one cart is stopped here and at Stripe, for an hour."""

from datetime import timedelta

import pytest

from app.settings import Settings
from sandbox.client import SandboxClient
from tests.cart import DECLINED, Cart
from tests.conftest import Jobs
from tests.database import Database


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_failed_attempts": 3})


async def _fail(sandbox: SandboxClient, stripe_id: str, times: int) -> None:
    for _ in range(times):
        await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.wait_idle()


async def test_too_many_failures_cancel_at_stripe_and_refuse_until_the_window_passes(
    cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs
) -> None:
    stripe_id = (await cart.owe())["stripe_id"]
    await _fail(sandbox, stripe_id, 3)
    before_the_job = await cart.client_secret()
    await jobs()
    intent = await cart.at_stripe()
    put, secret, state = (
        await cart.put(),
        await cart.client_secret(),
        await cart.get(),
    )

    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "fraudulent")
    for refused in (before_the_job, put, secret):
        assert refused.status_code == 429
        assert refused.json()["code"] == "too_many_failed_attempts"
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
    assert (state.status_code, state.json()["status"]) == (200, "canceled")
    assert await sandbox.count("payment_intents") == 1

    await database.age_attempts(timedelta(hours=1))
    again = await cart.put()
    assert (again.status_code, again.json()["generation"]) == (201, 2)


async def test_fewer_failures_change_nothing(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> None:
    stripe_id = (await cart.owe())["stripe_id"]
    await _fail(sandbox, stripe_id, 2)
    await jobs()
    assert (await cart.put()).status_code == 200
    assert (await sandbox.confirm(stripe_id)).status == "succeeded"


async def test_failures_count_over_all_generations(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> None:
    first = (await cart.owe())["stripe_id"]
    await _fail(sandbox, first, 2)
    await sandbox.dashboard_cancel(first)
    await sandbox.wait_idle()
    second = (await cart.owe())["stripe_id"]
    await _fail(sandbox, second, 1)
    await jobs()
    assert second != first
    assert [intent["status"] for intent in await sandbox.objects("payment_intents")] == ["canceled", "canceled"]
    assert (await cart.put()).status_code == 429


async def test_other_carts_are_not_stopped(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> None:
    stripe_id = (await cart.owe())["stripe_id"]
    await _fail(sandbox, stripe_id, 3)
    assert (await cart.another("/v1/sessions/c1").put()).status_code == 201


async def test_a_cart_that_was_paid_in_the_end_answers_as_any_paid_cart(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs
) -> None:
    stripe_id = (await cart.owe())["stripe_id"]
    for _ in range(3):
        await sandbox.confirm(stripe_id, DECLINED)
    await sandbox.confirm(stripe_id)  # faster than the job that cancels
    await sandbox.wait_idle()
    await jobs()
    put = await cart.put()
    assert (put.status_code, put.json()["status"], put.json()["client_secret"]) == (200, "succeeded", None)
    assert (await cart.client_secret()).json()["code"] == "client_secret_unavailable"


async def test_the_reason_is_in_the_history(cart: Cart, sandbox: SandboxClient, database: Database, jobs: Jobs) -> None:
    stripe_id = (await cart.owe())["stripe_id"]
    await _fail(sandbox, stripe_id, 4)
    await jobs()
    [canceled] = await database.domain_events("payment.canceled")
    assert (canceled["data"]["reason"], canceled["data"]["canceled_by"]) == ("card_testing", "service")

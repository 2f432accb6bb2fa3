"""In any order, with duplicates: the same state, the same attempts, the same totals."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from app.resources import Resources
from sandbox.client import SandboxClient
from tests.database import Database
from tests.webhooks.orders import Event, outcome_of, twin_of
from tests.webhooks.sending import put, put_session

DECLINED = "pm_card_visa_chargeDeclined"
CHALLENGED = "pm_card_threeDSecure2Required"
MAX_PERMUTED = 6
LONG = 200  # orders of a sequence that is too long for all of them

Shopper = Callable[[SandboxClient, Resources, str], Awaitable[object]]


async def _succeed(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent)


async def _decline_then_succeed(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent, DECLINED)
    await sandbox.confirm(intent)


async def _decline_twice(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent, DECLINED)
    await sandbox.confirm(intent, DECLINED)


async def _pass_3ds(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent, CHALLENGED)
    await sandbox.authenticate(intent, "succeed")


async def _fail_3ds(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent, CHALLENGED)
    await sandbox.authenticate(intent, "fail", leaves_charge=False)


async def _capture(sandbox: SandboxClient, resources: Resources, intent: str) -> None:
    await sandbox.confirm(intent)
    await resources.stripe.capture_payment_intent(intent, amount=600, key=f"{intent}:capture")


async def _cancel(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent, DECLINED)
    await sandbox.dashboard_cancel(intent, "requested_by_customer")


async def _expire(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent)
    await sandbox.advance(8 * 86_400)


async def _dispute(sandbox: SandboxClient, resources: Resources, intent: str) -> None:
    await sandbox.confirm(intent, "pm_card_createDispute")
    [dispute] = await sandbox.objects("disputes")
    await sandbox.dashboard_close_dispute(dispute["id"])


async def _refund_in_two(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent)
    await sandbox.dashboard_refund(intent, 400)
    await sandbox.dashboard_refund(intent)


async def _pay_slowly(sandbox: SandboxClient, _: Resources, intent: str) -> None:
    await sandbox.confirm(intent, "pm_usBankAccount_success")
    await sandbox.advance(120)


async def _pay_in_session(sandbox: SandboxClient, _: Resources, session: str) -> None:
    await sandbox.pay_session(session)


async def _decline_then_pay_in_session(sandbox: SandboxClient, _: Resources, session: str) -> None:
    with suppress(httpx.HTTPStatusError):
        await sandbox.pay_session(session, DECLINED)
    await sandbox.pay_session(session)


async def _pass_3ds_in_session(sandbox: SandboxClient, _: Resources, session: str) -> None:
    await sandbox.pay_session(session, CHALLENGED, challenge="succeed")


async def _let_session_expire(sandbox: SandboxClient, _: Resources, __: str) -> None:
    await sandbox.advance(86_401)


async def _decline_in_session_that_expires(sandbox: SandboxClient, _: Resources, session: str) -> None:
    with suppress(httpx.HTTPStatusError):
        await sandbox.pay_session(session, DECLINED)
    await sandbox.advance(86_401)


async def _pay_slowly_in_session(sandbox: SandboxClient, _: Resources, session: str) -> None:
    await sandbox.pay_session(session, "pm_usBankAccount_success")
    await sandbox.advance(120)


async def _fail_slowly_in_session(sandbox: SandboxClient, _: Resources, session: str) -> None:
    await sandbox.pay_session(session, "pm_usBankAccount_noAccount")
    await sandbox.advance(120)


STORIES: dict[str, tuple[Shopper, str]] = {
    "success": (_succeed, "succeeded"),
    "decline then success": (_decline_then_succeed, "succeeded"),
    "two declines with one code": (_decline_twice, "requires_payment_method"),
    "3DS passed": (_pass_3ds, "succeeded"),
    "3DS failed": (_fail_3ds, "requires_payment_method"),
    "partial capture": (_capture, "succeeded"),
    "cancel": (_cancel, "canceled"),
    "expiry": (_expire, "canceled"),
    "dispute": (_dispute, "succeeded"),
    "refunds": (_refund_in_two, "succeeded"),
    "slow method": (_pay_slowly, "succeeded"),
}
IN_SESSION: dict[str, tuple[Shopper, str]] = {
    "session: paid": (_pay_in_session, "succeeded"),
    "session: decline, then paid": (_decline_then_pay_in_session, "succeeded"),
    "session: 3DS passed": (_pass_3ds_in_session, "succeeded"),
    "session: untouched, expired": (_let_session_expire, "canceled"),
    "session: decline, expired": (_decline_in_session_that_expires, "canceled"),
    "session: slow method": (_pay_slowly_in_session, "succeeded"),
    "session: slow method fails": (_fail_slowly_in_session, "canceled"),
}
MANUAL = {"partial capture", "expiry"}


@pytest.fixture(params=[*STORIES, *IN_SESSION])
async def story(
    request: pytest.FixtureRequest,
    api: httpx.AsyncClient,
    sandbox: SandboxClient,
    resources: Resources,
    database: Database,
) -> tuple[list[Event], str]:
    """Have a shopper do it once at Stripe, without a webhook; return its events and the final status."""
    shopper, status = (STORIES | IN_SESSION)[request.param]
    await sandbox.lose_webhooks()
    method = "manual" if request.param in MANUAL else "automatic_async"
    if request.param in IN_SESSION:
        object_id = await put_session(api, currency="usd")
    else:
        object_id = await put(api, currency="usd", capture_method=method)
    await database.keep()
    await shopper(sandbox, resources, object_id)
    return await sandbox.events(), status


def _disturbed(chance: random.Random, order: list[Event]) -> list[Event]:
    """Mix in an event that comes twice and a twin of one."""
    doubled = [chance.choice(order), twin_of(chance.choice(order))]
    for event in doubled:
        order.insert(chance.randrange(len(order) + 1), event)
    return order


def _few(events: list[Event]) -> Iterator[list[Event]]:
    """Yield the orders of `make test`: backwards, and some at random."""
    chance = random.Random(len(events))  # noqa: S311 - it shuffles, it guards nothing
    yield events[::-1]
    for _ in range(4):
        yield _disturbed(chance, chance.sample(events, len(events)))


async def test_some_orders_end_in_the_same_state(
    story: tuple[list[Event], str], resources: Resources, database: Database
) -> None:
    events, status = story
    expected = await outcome_of(resources, database, events, eager=True)
    assert expected["payment_intents"][0]["status"] == status
    assert expected["gaps"] == [{"missing": 0}]
    for number, order in enumerate(_few(events)):
        state = await outcome_of(resources, database, order, eager=bool(number % 2))
        assert state == expected, [event["type"] for event in order]


@pytest.mark.slow
async def test_every_order_ends_in_the_same_state(
    story: tuple[list[Event], str], resources: Resources, database: Database
) -> None:
    events, _ = story
    expected = await outcome_of(resources, database, events, eager=True)
    chance = random.Random(1)  # noqa: S311 - it shuffles, it guards nothing
    if len(events) > MAX_PERMUTED:
        await asyncio.to_thread(_check_by_hypothesis, story, expected, resources, database, asyncio.get_running_loop())
        return
    for permutation in itertools.permutations(events):
        order = _disturbed(chance, list(permutation))
        state = await outcome_of(resources, database, order, eager=chance.random() < 0.5)
        assert state == expected, [event["type"] for event in order]


def _check_by_hypothesis(
    story: tuple[list[Event], str],
    expected: dict[str, object],
    resources: Resources,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Look for an order of a long sequence that ends otherwise; what it finds is shrunk."""
    events, _ = story

    @effort(max_examples=LONG, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(order=st.permutations(events), seed=st.integers(0, 1000), eager=st.booleans())
    def check(order: list[Event], seed: int, eager: bool) -> None:
        disturbed = _disturbed(random.Random(seed), list(order))  # noqa: S311 - it shuffles, it guards nothing
        work = outcome_of(resources, database, disturbed, eager=eager)
        assert asyncio.run_coroutine_threadsafe(work, loop).result() == expected

    check()

"""Refunds, webhooks and faults in any order: never more than was received, and once quiet both sides agree."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, strategies
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.auth import api_keys
from app.payment_intents.protocol.state import Actor
from app.refunds import finishing
from app.refunds.refund import FREED
from app.resources import open_resources
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import do_jobs, serving
from tests.database import open_database
from tests.refunds.conftest import HUNDRED_EUROS, Shop

CARDS = ("pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail")
FAULTS: dict[str, dict[str, Any]] = {
    "lose_next_answer": {},
    "drop_next": {},
    "malformed_next": {},
    "rate_limit_next": {},
    "conflict_next": {},
    "fail_next": {"stored": True, "done": False},
}
DeliveryChange = Callable[[SandboxClient], Coroutine[Any, Any, None]]
DELIVERY_CHANGES: tuple[DeliveryChange, ...] = (
    SandboxClient.pause_webhooks,
    SandboxClient.shuffle_webhooks,
    SandboxClient.duplicate_webhooks,
    SandboxClient.restore_webhooks,
)
DAY = timedelta(days=1)

amounts = strategies.sampled_from([1, 1000, 3000, 5000, HUNDRED_EUROS, None])


class World:
    """The service, the sandbox and the clock, in one event loop that runs only while it is asked something."""

    def __init__(self, settings: Settings, sandbox_url: str, listener: Any, api_url: str, database_url: str) -> None:
        self._runner = asyncio.Runner()
        self._settings, self._listener, self._url = settings, listener, api_url
        self._sandbox_url, self._database_url = sandbox_url, database_url
        self._stack = AsyncExitStack()
        self.shop: Shop
        self.payment: dict[str, Any] = {}
        self.run(self._open())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    async def _open(self) -> None:
        enter = self._stack.enter_async_context
        self.resources = await enter(open_resources(self._settings))
        await enter(serving(self._settings, self._listener))
        sandbox = await enter(SandboxClient(self._sandbox_url))
        client = await enter(httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=15))
        database = await enter(open_database(self._database_url))
        self.shop = Shop(client, sandbox, database)

    async def begin(self, card: str) -> None:
        """Forget everything, and have a shopper pay."""
        await self.shop.sandbox.reset()
        await self.shop.sandbox.restore_webhooks()
        await self.shop.database.empty()
        scopes = ("payments:read", "payments:write", "refunds:write")
        key = (await api_keys.create(self.resources.database, client="shop", scopes=scopes)).secret
        self.shop.api.headers["Authorization"] = f"Bearer {key}"
        self.payment = await self.shop.sell(card=card)

    async def age(self, duration: timedelta) -> None:
        await self.shop.database.age_refunds(duration)
        await self.shop.sandbox.advance(duration.total_seconds())

    async def work(self) -> None:
        await finishing.sweep(self.resources)
        await do_jobs(self.resources, self._database_url)

    async def settle(self, *, is_all_told: bool) -> None:
        """End all faults, deliver all webhooks and do all jobs; ask Stripe only where a webhook was lost."""
        sandbox = self.shop.sandbox
        await sandbox.clear_faults()
        await sandbox.restore_webhooks()
        for _ in range(2):
            await self.age(DAY * 2)
            await sandbox.wait_idle()
            await self.work()
        if not is_all_told:
            await finishing.sync(self.resources, self.payment["id"], Actor("test"))


class Refunds(RuleBasedStateMachine):
    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, dict[str, Any]] = {}
        self.ids: dict[str, str] = {}
        self.is_all_ours = self.is_all_told = True
        self.may_fail = False

    @initialize(card=strategies.sampled_from(CARDS))
    def pay(self, card: str) -> None:
        self.may_fail = card == "pm_card_refundFail"
        self.world.run(self.world.begin(card))

    @rule(
        wanted=strategies.lists(amounts, min_size=1, max_size=3),
        fault=strategies.sampled_from([None, *FAULTS]),
        is_told=strategies.booleans(),
    )
    def refund(self, wanted: list[int | None], fault: str | None, is_told: bool) -> None:
        """Ask for some at once, of a Stripe that may be in trouble, and then may not even tell by webhook."""
        if fault:
            break_next = getattr(self.world.shop.sandbox, fault)
            self.world.run(break_next(path="/v1/refunds", count=3, **FAULTS[fault]))
        if fault and not is_told:
            self.lose_two_webhooks()
        keys = [f"k{len(self.asked) + n}" for n in range(len(wanted))]
        bodies: list[dict[str, Any]] = [{} if amount is None else {"amount": amount} for amount in wanted]
        self.asked |= dict(zip(keys, bodies, strict=True))
        self._ask(keys)

    @precondition(lambda self: self.asked)
    @rule(data=strategies.data())
    def repeat(self, data: strategies.DataObject) -> None:
        self._ask(data.draw(strategies.lists(strategies.sampled_from(sorted(self.asked)), min_size=1, max_size=2)))

    @rule(amount=strategies.sampled_from([1, 2000, HUNDRED_EUROS]))
    def refund_in_the_dashboard(self, amount: int) -> None:
        with suppress(httpx.HTTPStatusError):  # it is more than is left
            self.world.run(self.world.shop.sandbox.dashboard_refund(self.world.payment["stripe_id"], amount))
            self.is_all_ours = False

    @rule(change=strategies.sampled_from(DELIVERY_CHANGES))
    def deliver_otherwise(self, change: DeliveryChange) -> None:
        self.world.run(change(self.world.shop.sandbox))

    @rule()
    def lose_two_webhooks(self) -> None:
        self.is_all_told = False
        self.world.run(self.world.shop.sandbox.lose_webhooks(2))

    @rule()
    def deliver(self) -> None:
        self.world.run(self.world.shop.sandbox.deliver_pending())

    @rule()
    def work(self) -> None:
        self.world.run(self.world.work())

    @rule(duration=strategies.sampled_from([timedelta(minutes=2), DAY * 1.1]))
    def wait(self, duration: timedelta) -> None:
        self.world.run(self.world.age(duration))

    @invariant()
    def never_more_than_was_received(self) -> None:
        if not self.world.payment:
            return
        at_stripe = self.world.run(self.world.shop.sandbox.objects("refunds"))
        state = self.world.run(self.world.shop.state())
        assert _counted(at_stripe) <= HUNDRED_EUROS
        if self.is_all_ours and not self.may_fail:  # else Stripe may know of one that we have yet to hear of
            reserved = _counted(self.world.run(self.world.shop.refunds()))
            assert reserved + state["amount_refundable"] == HUNDRED_EUROS
        marks = [each["metadata"]["refund_id"] for each in at_stripe if "refund_id" in each["metadata"]]
        assert len(marks) == len(set(marks)), "one request was refunded twice"

    def teardown(self) -> None:
        if not self.world.payment:
            return
        self.world.run(self.world.settle(is_all_told=self.is_all_told))
        refunded, left = self.world.run(self.world.shop.totals())
        assert refunded + left == HUNDRED_EUROS
        assert None not in {each["status"] for each in self.world.run(self.world.shop.refunds())}
        self.never_more_than_was_received()
        self.world.payment = {}

    def _ask(self, keys: list[str]) -> None:
        """Send these requests at once: each is done, refused or not known yet, and a key has one refund for ever."""
        shop = self.world.shop

        async def all_at_once() -> list[httpx.Response]:
            return await asyncio.gather(*(shop.refund(key, **self.asked[key]) for key in keys))

        for key, answer in zip(keys, self.world.run(all_at_once()), strict=True):
            assert answer.status_code in {201, 202, 409, 422}, answer.text
            # While all refunds are ours and none came back, Stripe is never asked for more than is left.
            assert answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY or not self.is_all_ours or self.may_fail
            if answer.status_code == httpx.codes.CONFLICT:
                assert key not in self.ids
            else:
                refund_id = answer.json().get("id") or answer.json()["refund_id"]
                assert self.ids.setdefault(key, refund_id) == refund_id


def _counted(refunds: list[dict[str, Any]]) -> int:
    return sum(each["amount"] for each in refunds if each["status"] not in FREED)


@pytest.fixture
def world(settings: Settings, sandbox_url: str, api_socket: Any, api_url: str, database_url: str) -> Iterator[World]:
    """Wait for Stripe only shortly: most of a fault's time is waiting."""
    hasty = settings.model_copy(update={"stripe_timeout": timedelta(seconds=0.6)})
    world = World(hasty, sandbox_url, api_socket, api_url, database_url)
    yield world
    world.close()


def _prove(world: World, *, examples: int, steps: int, is_fixed: bool) -> None:
    machine = type("RefundsOfThisWorld", (Refunds,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=is_fixed,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_of_refunds_webhooks_and_faults_overpays(world: World) -> None:
    _prove(world, examples=3, steps=8, is_fixed=True)


@pytest.mark.slow
def test_no_long_order_of_refunds_webhooks_and_faults_overpays(world: World) -> None:
    _prove(world, examples=50, steps=30, is_fixed=False)

"""Whatever is done in whatever order, and whatever fails: one live PaymentIntent, and no payment is forgotten."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.settings import Settings
from sandbox.client import SandboxClient
from tests.protocol.world import FREE, LIVE, Owed, World

CART, SESSIONS = "cart:c1", ("session:s1", "session:s2")
REFERENCES = st.sampled_from([CART, CART, *SESSIONS])
AMOUNTS = st.sampled_from([1000, 2000, 3000, 4000, 10])  # 0.10 € is what Stripe refuses
CARDS = st.sampled_from(["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required"])
CAPTURES = st.sampled_from(["automatic_async", "automatic_async", "manual"])
ACTIONS = st.lists(st.sampled_from(["put", "put", "cancel", "confirm", "sync", "sweep"]), min_size=2, max_size=4)
CALLS = {
    "create": ("POST", "/v1/payment_intents"),
    "update": ("POST", f"/v1/payment_intents/pi_{'?' * 24}"),  # not what lies below it, as its confirm does
    "cancel": ("POST", "/v1/payment_intents/*/cancel"),
    "capture": ("POST", "/v1/payment_intents/*/capture"),
    "retrieve": ("GET", "/v1/payment_intents/*"),
}
FAULTS = st.sampled_from(["lose_next_answer", "drop_next", "fail_next", "malformed_next", "rate_limit_next"])
DeliveryChange = Callable[[SandboxClient], Coroutine[Any, Any, None]]
DELIVERY_CHANGES: tuple[DeliveryChange, ...] = (
    SandboxClient.pause_webhooks,
    SandboxClient.resume_webhooks,
    SandboxClient.shuffle_webhooks,
    SandboxClient.duplicate_webhooks,
    SandboxClient.duplicate_events,
    SandboxClient.restore_webhooks,
)


def _url(reference: str) -> str:
    kind, _, name = reference.partition(":")
    return f"/v1/{kind}s/{name}/payment-intent"


class Machine(RuleBasedStateMachine):
    """The callers, the shopper, the merchant, the clock and the network, one after the other or at once."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.owed = {reference: Owed() for reference in (CART, *SESSIONS)}
        self.version = 0
        self.paid: set[str] = set()
        self.story: list[str] = []
        self.world.do(self.world.begin_anew())

    def _tell(self, line: str) -> None:
        """Note a line for when it goes wrong; hypothesis takes notes in its own thread only."""
        self.story.append(line)

    # The callers.

    @rule(reference=REFERENCES, amount=AMOUNTS, capture=CAPTURES)
    def put(self, reference: str, amount: int, capture: str) -> None:
        self.owed[reference].hear([self.world.do(self._put(reference, amount, capture))])

    async def _put(self, reference: str, amount: int, capture: str = "automatic_async") -> tuple[int, int]:
        body: dict[str, Any] = {"amount": amount, "currency": "eur", "capture_method": capture}
        if reference == CART:
            self.version += 1
            body["cart_version"] = self.version
        answer = await self.world.api.put(_url(reference), json=body)
        told = answer.json()
        self._tell(f"PUT {reference} {body} -> {answer.status_code} {told.get('code', told.get('amount'))}")
        assert answer.status_code in {200, 201, 409, 422, 503}, answer.text
        return amount, answer.status_code

    @rule(amount=AMOUNTS)
    def put_an_older_version(self, amount: int) -> None:
        body = {"amount": amount, "currency": "eur", "cart_version": self.version - 1}
        if self.version < 2 or self.world.do(self.world.shown(CART)) is None:
            return
        before = self.world.do(self.world.shown(CART))
        answer = self.world.do(self.world.api.put(_url(CART), json=body))
        if answer.is_success:  # the newer ones were refused or never came
            self.owed[CART].hear([(amount, answer.status_code)])
        elif answer.json()["code"] == "stale_cart_version":
            after = self.world.do(self.world.shown(CART))
            assert before is not None
            assert after is not None
            assert (before.generation, before.requested) == (after.generation, after.requested)
        else:
            self.owed[CART].hear([(amount, answer.status_code)])

    @rule(reference=REFERENCES)
    def cancel(self, reference: str) -> None:
        answer = self.world.do(self.world.api.post(f"{_url(reference)}/cancel", json={}))
        self._tell(f"cancel {reference} -> {answer.status_code} {answer.json().get('code')}")
        assert answer.status_code in {200, 404, 409, 422, 503}, answer.text
        if answer.status_code == httpx.codes.OK:
            assert answer.json()["status"] in {"canceled", None}

    @rule(reference=REFERENCES, part=st.sampled_from([None, 500]))
    def capture(self, reference: str, part: int | None) -> None:
        answer = self.world.do(self.world.api.post(f"{_url(reference)}/capture", json={"amount": part}))
        self._tell(f"capture {reference} {part} -> {answer.status_code}")
        assert answer.status_code in {200, 404, 409, 422, 503}, answer.text

    @rule(session=st.sampled_from(SESSIONS))
    def move(self, session: str) -> None:
        answer = self.world.do(self.world.api.post(f"{_url(session)}/move", json={"cart_id": "c1"}))
        self._tell(f"move {session} -> {answer.status_code} {answer.json().get('code')}")
        assert answer.status_code in {200, 404, 409, 422, 503}, answer.text
        moved = self.owed[session]
        self.owed[CART].amounts |= moved.amounts | moved.unknown
        self.owed[CART].unknown |= moved.unknown

    @rule(reference=REFERENCES)
    def read(self, reference: str) -> None:
        state = self.world.do(self.world.api.get(_url(reference), params={"sync": "true"}))
        secret = self.world.do(self.world.api.get(f"{_url(reference)}/client-secret"))
        assert {state.status_code, secret.status_code} <= {200, 404, 409, 422, 503}, (state.text, secret.text)

    @rule(reference=REFERENCES, actions=ACTIONS, amounts=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS))
    def race(self, reference: str, actions: list[str], amounts: tuple[int, ...]) -> None:
        self._tell(f"race on {reference}: {actions} {amounts}")
        answers = self.world.do(self._race(reference, actions, amounts))
        if puts := [answer for answer in answers if answer is not None]:
            self.owed[reference].hear(puts)

    async def _race(self, reference: str, actions: list[str], amounts: tuple[int, ...]) -> list[tuple[int, int] | None]:
        acts = (self._act(reference, action, amount) for action, amount in zip(actions, amounts, strict=False))
        return await asyncio.gather(*acts)

    async def _act(self, reference: str, action: str, amount: int) -> tuple[int, int] | None:
        match action:
            case "put":
                return await self._put(reference, amount)
            case "cancel":
                await self.world.api.post(f"{_url(reference)}/cancel", json={})
            case "sync":
                await self.world.api.get(_url(reference), params={"sync": "true"})
            case "confirm":
                await self._confirm(reference, "pm_card_visa")
            case "sweep":
                await self.world.sweep()
        return None

    # The shopper, who has the client secret of the newest PaymentIntent, and the merchant in the dashboard.

    @rule(reference=REFERENCES, card=CARDS)
    def confirm(self, reference: str, card: str) -> None:
        self.world.do(self._confirm(reference, card))

    async def _confirm(self, reference: str, card: str) -> None:
        row = await self.world.shown(reference)
        if row is not None and row.stripe_id is not None:
            self._tell(
                f"confirm {row.stripe_id} {card} -> {(await self.world.sandbox.confirm(row.stripe_id, card)).status}"
            )

    @rule(is_passed=st.booleans())
    def authenticate(self, is_passed: bool) -> None:
        for intent in self.world.do(self.world.at_stripe()):
            if intent["status"] == "requires_action":
                self.world.do(self.world.sandbox.authenticate(intent["id"], "succeed" if is_passed else "fail"))

    @rule(reference=REFERENCES)
    def cancel_in_the_dashboard(self, reference: str) -> None:
        row = self.world.do(self.world.shown(reference))
        intents = {intent["id"]: intent["status"] for intent in self.world.do(self.world.at_stripe())}
        if row is not None and intents.get(row.stripe_id or "") in FREE and row.stripe_id:
            self.world.do(self.world.sandbox.dashboard_cancel(row.stripe_id))

    # Time.

    @rule()
    def abandon(self) -> None:
        self._tell("a day passes, and the sweep comes")
        self.world.do(self.world.pass_time(timedelta(hours=25)))
        for _ in range(2):  # the first one asks about what was silent
            self.world.do(self.world.sweep())

    @rule(hours=st.sampled_from([1, 21, 25]))
    def jump(self, hours: int) -> None:
        self._tell(f"{hours} hours pass")
        self.world.do(self.world.pass_time(timedelta(hours=hours)))

    @rule()
    def do_jobs(self) -> None:
        self.world.do(self.world.sweep())

    # The network.

    @rule(fault=FAULTS, call=st.sampled_from(sorted(CALLS)), count=st.sampled_from([1, 3]))
    def break_next(self, fault: str, call: str, count: int) -> None:
        self._tell(f"{fault} {call} {count}")
        method, path = CALLS[call]
        self.world.do(getattr(self.world.sandbox, fault)(method=method, path=path, count=count))

    @rule(call=st.sampled_from(["create", "update", "cancel"]), is_done=st.booleans())
    def hold_up(self, call: str, is_done: bool) -> None:
        self._tell(f"hold {call}, done {is_done}")
        method, path = CALLS[call]
        self.world.do(self.world.sandbox.hold(path, method=method, after_work=is_done))

    @rule()
    def let_land(self) -> None:
        self._tell("what was held lands")
        self.world.do(self.world.sandbox.release())

    @rule(change=st.sampled_from(DELIVERY_CHANGES))
    def change_webhooks(self, change: DeliveryChange) -> None:
        self.world.do(change(self.world.sandbox))

    @rule()
    def lose_a_webhook(self) -> None:
        self.world.do(self.world.sandbox.lose_webhooks(1))

    # What must hold.

    @invariant()
    def at_most_one_is_live(self) -> None:
        intents, rows = self.world.do(self._look())
        ours = {row.id: row for row in rows}
        live = [intent for intent in intents if intent["status"] in LIVE]
        references = Counter(ours[intent["metadata"]["payment_intent_id"]].reference for intent in live)
        assert max(references.values(), default=0) <= 1, (references, rows, live)
        assert max(Counter(row.reference for row in rows if not row.is_closed).values(), default=0) <= 1

    @invariant()
    def a_payment_is_never_forgotten(self) -> None:
        rows = self.world.do(self.world.rows())
        paid = {row.id for row in rows if row.status == "succeeded"}
        assert self.paid <= paid
        self.paid = paid

    async def _look(self) -> Any:
        intents = await self.world.at_stripe()  # first: a row is there before its PaymentIntent is
        return intents, await self.world.rows()

    def teardown(self) -> None:
        """Once quiet, both sides agree on everything."""
        note("\n".join(self.story))
        self.world.do(self.world.settle())
        self.at_most_one_is_live()
        intents, rows = self.world.do(self._look())
        by_id = {intent["id"]: intent for intent in intents}
        assert {row.stripe_id for row in rows if row.stripe_id} == set(by_id), (rows, intents)
        for row in rows:
            if row.stripe_id is None:
                assert row.closed_reason == "refused", row
            else:
                intent = by_id[row.stripe_id]
                assert (row.status, row.amount) == (intent["status"], intent["amount"]), (row, intent)
            if not row.is_closed and row.status in FREE:
                assert row.amount == row.requested, row
                assert row.requested in self.owed[row.reference].amounts, (row, self.owed)


@pytest.fixture
def world(settings: Settings, api_socket: socket.socket, sandbox_url: str) -> Iterator[World]:
    """Give a world in which Stripe's answers are soon given up, so that late ones are cheap."""
    hasty = {
        "stripe_timeout": timedelta(seconds=0.8),
        "lease_slack": timedelta(seconds=0.4),
        "converge_deadline": timedelta(seconds=2),
    }
    with World(settings.model_copy(update=hasty), api_socket, sandbox_url) as world:
        Machine.world = world
        yield world


def _run(examples: int, steps: int, *, is_repeatable: bool) -> None:
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=is_repeatable,
            phases=[Phase.generate],  # a failing story is told whole: shrinking one takes too long
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.usefixtures("world")
def test_a_few_stories_end_with_one_payment_intent_and_one_truth() -> None:
    _run(4, 15, is_repeatable=True)


@pytest.mark.slow
@pytest.mark.usefixtures("world")
def test_many_stories_end_with_one_payment_intent_and_one_truth() -> None:
    _run(150, 30, is_repeatable=False)

"""The model of all interleavings: its smallest configurations hold, and without one of the rules they do not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.payment_intents import convergence, protocol, recording, recovery
from model import refunds
from model.configurations import LARGE, SMALL, Configuration
from model.explore import explore
from model.payments import model_of
from model.service import silence

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    with silence():
        yield


@pytest.mark.parametrize("configuration", SMALL, ids=lambda configuration: configuration.name)
def test_every_order_keeps_every_promise(configuration: Configuration) -> None:
    result = explore(model_of(configuration))
    assert result.is_expected, f"{result}\n{result.tell()}"


# Each of these takes one rule away.


def _ignore_leases(patch: Patch) -> None:
    def decide(row: Any, run: Any, *rest: Any, **more: Any) -> protocol.Step:
        protocol.release(row)
        return protocol.decide(row, run, *rest, **more)

    patch.setattr(convergence, "decide", decide)


def _roll_back_without_a_revision(patch: Patch) -> None:
    def roll_back(row: Any) -> None:
        protocol_roll_back(row)
        row.revision -= row.is_rolled_back

    protocol_roll_back = protocol.roll_back
    patch.setattr(protocol, "roll_back", roll_back)
    patch.setattr(convergence, "roll_back", roll_back)


def _keep_what_was_refused(patch: Patch) -> None:
    patch.setattr(protocol, "roll_back", lambda _: None)
    patch.setattr(convergence, "roll_back", lambda _: None)


def _expire_what_is_in_doubt(patch: Patch) -> None:
    async def expire(door: Any, row: Any, **more: Any) -> Any:
        row.needs_sync = False
        return await sweep_expire(door, row, **more)

    sweep_expire = recovery._expire
    patch.setattr(recovery, "_expire", expire)


def _forget_what_is_late(patch: Patch) -> None:
    for module in (protocol, convergence, recording):
        patch.setattr(module, "doubt", lambda *_: None)


def _trust_webhooks(patch: Patch) -> None:
    async def record_hint(door: Any, row: Any, snapshot: Any) -> None:
        recording._name(row, snapshot)
        if row.is_open:
            await recording._apply(door, row, snapshot, run=None)

    patch.setattr(recording, "record_hint", record_hint)


@pytest.mark.parametrize(
    ("take_away", "name", "broken"),
    [
        (_ignore_leases, "3 PUTs, there and back", "truth"),
        (_roll_back_without_a_revision, "2 PUTs of notes, crash, processing that fails", "agree"),
        (_keep_what_was_refused, "PUT of a note, time-out, processing, job", "refused"),
        (_expire_what_is_in_doubt, "PUT, capture, expiry", "hold"),
        (_forget_what_is_late, "2 PUTs, 2 time-outs, payment", "agree"),
        (_trust_webhooks, "PUT, capture, expiry", "agree"),
    ],
    ids=["leases", "a revision of its own", "rolling back", "doubt", "late requests", "hints"],
)
def test_without_one_rule_a_promise_is_broken(
    take_away: Callable[[Patch], None], name: str, broken: str, monkeypatch: Patch
) -> None:
    take_away(monkeypatch)
    [configuration] = [each for each in SMALL + LARGE if each.name == name]
    result = explore(model_of(configuration), is_first_enough=True)
    assert set(result.traces) == {broken}


@pytest.mark.parametrize(
    ("rules", "days", "broken"),
    [
        (refunds.Rules(), 0, set()),
        (refunds.Rules(lists_first=False), 1, {"R2"}),
        (refunds.Rules(knows_marks=False), 0, {"R3"}),
        (refunds.Rules(fails_for_good=False), 0, {"R3"}),
    ],
    ids=["all of them", "looking first", "marks", "failing for good"],
)
def test_refunds_keep_their_promises_by_these_rules(rules: refunds.Rules, days: int, broken: set[str]) -> None:
    result = explore(refunds.model("refunds", rules, days=days), is_first_enough=True)
    assert set(result.traces) == broken

"""Replies, attaching and what is due; equal inputs give equal outputs, and nothing else is loaded."""

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.payment_intents.protocol.attach import Attachment, SessionToCart, attach
from app.payment_intents.protocol.commands import (
    Cancel,
    Expire,
    PutTerms,
    Recover,
    Refresh,
    Resume,
    decide,
)
from app.payment_intents.protocol.decide import Decision, is_answered_by
from app.payment_intents.protocol.reply import is_displaced, is_satisfied
from app.payment_intents.protocol.state import (
    PaymentIntentState,
    ReferenceState,
    due_at,
)
from app.payment_intents.protocol.steps import (
    Answered,
    ConvergeRun,
    Done,
    Refused,
    Rejected,
    Unknown,
    Wait,
)
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    PaymentTerms,
    Reference,
)
from tests.payment_intents.protocol.values import (
    ACTOR,
    AGREED,
    CART,
    CLOSED,
    CONFIG,
    CONTEXT,
    HELD,
    HOUR,
    ID,
    LEASED,
    LEFT,
    MINUTE,
    NOT_CREATED,
    NOTE,
    NOW,
    OTHER,
    RUN,
    SECOND,
    SNAPSHOT,
    TEN,
    TOKEN,
    TWENTY,
    UPDATE,
    Changes,
    record,
    state_of,
)

# Replies, attaching, and what is due.


@pytest.mark.parametrize(
    ("changes", "wanted", "expected"),
    [
        pytest.param({}, TWENTY, True, id="payable"),
        pytest.param({"status": "succeeded"}, NOTE, True, id="paid at this price"),
        pytest.param({"status": "succeeded"}, TWENTY, False, id="paid at another"),
        pytest.param({"status": "processing"}, replace(TEN, cart_version=7), True, id="processing the same"),
        pytest.param({"status": "processing"}, NOTE, False, id="processing something else"),
    ],
)
def test_whether_a_put_is_satisfied(changes: Changes, wanted: PaymentTerms, expected: bool) -> None:
    assert is_satisfied(AGREED._replace(**changes), wanted) == expected


def test_a_request_that_was_displaced_by_one_that_was_given_up_is_said_to_be_so() -> None:
    rolled_back = AGREED._replace(is_rolled_back=True, revision=4)
    assert is_displaced(rolled_back, TWENTY, 2)
    assert not is_displaced(rolled_back, TEN, 2)
    assert not is_displaced(AGREED, TWENTY, 2)


@pytest.mark.parametrize(
    ("changes", "revision", "expected"),
    [
        pytest.param({}, 1, True, id="mine"),
        pytest.param({}, 2, False, id="an older one"),
        pytest.param(LEASED, 1, False, id="another writes"),
        pytest.param({"recheck_after": NOW}, 1, False, id="to recheck"),
    ],
)
def test_whose_request_what_was_found_answers(changes: Changes, revision: int, expected: bool) -> None:
    run = ConvergeRun(TOKEN, revision=revision, wants_secret=True)
    assert is_answered_by(AGREED._replace(**changes), run, frozenset({"pi_1"})) == expected


def test_a_sessions_payment_intent_becomes_the_carts_next_generation() -> None:
    reference = Reference("session", "s1")
    session = ReferenceState(reference, 1, payment_intents=(AGREED._replace(reference=reference),))
    cart = ReferenceState(
        CART, 1, next_generation=4, payment_intents=(AGREED._replace(id=OTHER, revision=7, **CLOSED),)
    )
    attachment = attach(session, cart, CONTEXT, ACTOR)
    assert isinstance(attachment, SessionToCart)
    row = attachment.cart.state.newest
    assert row is not None
    assert (row.reference, row.generation, row.revision) == (CART, 4, 8)
    assert row.applied_terms == AppliedTerms(TEN, None, is_of_session=True)
    assert (attachment.session.state.moved_to, attachment.session.state.payment_intents) == ("c1", ())
    assert attach(attachment.session.state, attachment.cart.state, CONTEXT, ACTOR) == Done()


def _attach(session: tuple[PaymentIntentState, ...], cart: tuple[PaymentIntentState, ...]) -> Attachment:
    origin = ReferenceState(Reference("session", "s1"), 1, payment_intents=session)
    return attach(origin, ReferenceState(CART, 1, payment_intents=cart), CONTEXT, ACTOR)


@pytest.mark.parametrize(
    ("session", "cart", "reason"),
    [
        pytest.param((AGREED,), (AGREED,), "cart_has_payment_intent", id="the cart has one"),
        pytest.param((), (), "payment_intent_not_found", id="the session has none"),
        pytest.param((AGREED._replace(**CLOSED),), (), "payment_intent_not_found", id="the session's is closed"),
    ],
)
def test_what_is_not_attached(
    session: tuple[PaymentIntentState, ...], cart: tuple[PaymentIntentState, ...], reason: str
) -> None:
    attachment = _attach(session, cart)
    assert isinstance(attachment, Rejected)
    assert attachment.reason == reason


def test_what_another_writes_is_attached_later() -> None:
    assert _attach((AGREED._replace(**LEASED),), ()) == Wait()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, AGREED.last_activity_at + 24 * HOUR, id="agreed: when it would be abandoned"),
        pytest.param({"last_activity_at": NOW - 24 * HOUR}, NOW, id="abandoned"),
        pytest.param({"last_activity_at": NOW - 24 * HOUR, "status": "processing"}, NOW + HOUR, id="processing"),
        pytest.param({"recheck_after": NOW + MINUTE}, NOW + MINUTE, id="to recheck"),
        pytest.param({"needs_refresh": True}, NOW, id="to refresh"),
        pytest.param({"is_cancel_requested": True}, NOW, id="to cancel"),
        pytest.param(HELD | {"capture_amount": 500}, NOW, id="to capture"),
        pytest.param({"requested_terms": TWENTY}, NOW, id="another price"),
        pytest.param(LEASED | {"needs_refresh": True}, NOW + SECOND, id="leased: when that ends"),
        pytest.param(CLOSED, None, id="closed"),
        pytest.param({"status": "succeeded"}, None, id="paid"),
    ],
)
def test_when_somebody_looks_next(changes: Changes, expected: datetime | None) -> None:
    assert due_at(AGREED._replace(**changes), CONFIG) == expected


# Values.


@pytest.mark.parametrize(
    "changes",
    [{}, {"requested_terms": TWENTY}, LEFT, NOT_CREATED, CLOSED, {"status": "requires_action"}],
    ids=["agreed", "another price", "a lease that was left", "not created", "canceled", "authenticating"],
)
def test_equal_inputs_give_equal_outputs(changes: Changes) -> None:
    for command in (PutTerms(TWENTY), Cancel(ID), Refresh(), Recover(ID), Expire(ID), Resume()):
        one, other = (decide(state_of(**changes), command, RUN, CONTEXT, ACTOR) for _ in range(2))
        assert _outcome(one) == _outcome(other)
    for answer in (Answered(SNAPSHOT), Unknown(), Refused()):
        one, other = (record(answer, UPDATE, {"calls": 1}, **changes) for _ in range(2))
        assert _outcome(one) == _outcome(other)


def _outcome(decision: Decision) -> tuple[Any, ...]:
    change = decision.change
    return change.state, change.events, change.jobs, change.changed, decision.run, decision.step


def test_the_protocol_needs_the_standard_library_alone() -> None:
    root = Path(__file__).parents[3]
    names = [each.stem for each in (root / "app/payment_intents/protocol").glob("*.py") if each.stem != "__init__"]
    assert {"attach", "commands", "decide", "record", "reply", "state", "steps", "terms"} <= set(names)
    script = f"""
import sys
sys.path.insert(0, {str(root)!r})
for name in {names!r}:
    __import__("app.payment_intents.protocol." + name)
print(*sorted(name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names))
"""
    loaded = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    ours = {"app", "app.payment_intents", "app.payment_intents.protocol"}
    assert set(loaded) - {"__main__"} == ours | {f"app.payment_intents.protocol.{name}" for name in names}

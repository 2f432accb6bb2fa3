"""What is recorded of a PaymentIntent that is closed here and may still be paid at Stripe."""

from dataclasses import replace
from typing import Any

import pytest

from app.payment_intents.protocol import adopt, closed
from app.payment_intents.protocol.state import Change, PaymentIntentState, due_at
from app.payment_intents.protocol.steps import Answer, Call, CancelCall, NotSent, Refused, Unknown
from tests.payment_intents.protocol.values import (
    ACTOR,
    CLOSED,
    CONFIG,
    CONTEXT,
    HOUR,
    MINUTE,
    NOW,
    RETRIEVE,
    SNAPSHOT,
    SURPLUS,
    state_of,
)

CANCEL = CancelCall("pi_1", "duplicate", "key")
STATE_CODE = "payment_intent_unexpected_state"


def record(call: Call, answer: Answer, **changes: Any) -> PaymentIntentState:
    change = Change(state_of(**SURPLUS, updated_at=NOW - MINUTE, **changes), CONTEXT, ACTOR)
    [row] = change.state.payment_intents
    closed.record_answer(change, row, call, answer)
    [row] = change.state.payment_intents
    return row


def test_a_cancel_that_the_state_does_not_allow_has_it_asked_about_at_once() -> None:
    row = record(CANCEL, Refused(STATE_CODE), is_cancel_requested=True)
    assert row.needs_refresh
    assert due_at(row, CONFIG) == NOW


def test_a_cancel_that_is_refused_for_another_reason_is_tried_again_after_an_hour() -> None:
    row = record(CANCEL, Refused("resource_missing"), is_cancel_requested=True)
    assert (row.needs_refresh, row.is_cancel_requested) == (False, False)
    assert due_at(row, CONFIG) == NOW + HOUR


def test_a_look_that_is_refused_answers_no_question() -> None:
    assert record(RETRIEVE, Refused("resource_missing"), status="canceled", needs_refresh=True).needs_refresh


@pytest.mark.parametrize("answer", [Unknown(), NotSent()], ids=["unknown", "not sent"])
def test_what_is_not_known_is_asked_again_behind_all_else_that_is_due(answer: Answer) -> None:
    row = record(CANCEL, answer, is_cancel_requested=True)
    assert row.is_cancel_requested
    assert row.updated_at == NOW


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        (CLOSED, "succeeded", True),
        (CLOSED, "requires_capture", True),
        (CLOSED, "processing", True),
        (CLOSED, "requires_payment_method", False),
        ({"status": "succeeded"}, "succeeded", False),
        ({}, "succeeded", False),
    ],
    ids=["paid", "held", "processing", "payable", "another is paid", "another is open"],
)
def test_money_is_what_a_cart_comes_to_whose_own_payment_came_to_nothing(
    changes: dict[str, Any], status: str, expected: bool
) -> None:
    """The one that is adopted has the same revision, as after a restored backup."""
    assert adopt.comes_next(state_of(**changes), replace(SNAPSHOT, id="pi_2", status=status)) is expected

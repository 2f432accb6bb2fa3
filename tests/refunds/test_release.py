"""What older API versions make of the part of a hold that is released is told from a refund."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from app.payment_intents.protocol.state import Change
from app.refunds.recording import is_release
from app.refunds.refund import Refund
from app.stripe_gateway import RefundSnapshot
from tests.payment_intents.protocol.values import ACTOR, CONTEXT, ID, NOW, state_of

OURS = {"instance": "test", "payment_intent_id": str(ID), "refund_id": str(uuid4())}
RELEASED = RefundSnapshot("re_1", "pi_1", "pending", 300, "eur", None, None, {}, has_moved_money=False, created=NOW)
KNOWN = Refund(
    id=uuid4(),
    payment_intent_id=ID,
    origin="stripe",
    amount=300,
    currency="eur",
    reason=None,
    created_at=NOW,
    updated_at=NOW,
    stripe_id="re_1",
)


@pytest.mark.parametrize(
    ("changes", "known", "expected"),
    [
        ({}, None, True),
        ({"amount": 299}, None, False),
        ({"has_moved_money": True}, None, False),
        ({"metadata": OURS}, None, False),
        ({}, KNOWN, False),
        ({"reason": "expired_uncaptured_charge"}, None, True),
    ],
    ids=["released", "another amount", "money moved", "asked for here", "recorded before", "ran out"],
)
def test_a_release_is_of_just_what_was_not_captured_and_none_that_is_known_as_a_refund(
    changes: dict[str, Any], known: Refund | None, *, expected: bool
) -> None:
    """One of our own, taken for a release, would be sent again once Stripe has forgotten its key."""
    change = Change(state_of(status="succeeded", amount_received=700), CONTEXT, ACTOR)
    [row] = change.state.payment_intents
    refunds = {str(known.id): known} if known else {}
    assert is_release(change, row, replace(RELEASED, **changes), refunds) is expected

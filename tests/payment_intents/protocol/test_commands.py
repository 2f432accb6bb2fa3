"""What callers, jobs and command lines ask for, rule by rule."""

import json
from dataclasses import replace

import pytest

from app.payment_intents.protocol.commands import (
    Cancel,
    Capture,
    Command,
    Expire,
    PutTerms,
    Recover,
    Refresh,
    Resume,
    decide,
)
from app.payment_intents.protocol.decide import decide_again
from app.payment_intents.protocol.state import (
    ReferenceState,
)
from app.payment_intents.protocol.steps import (
    CancelCall,
    CaptureCall,
    CreateCall,
    Done,
    GiveUp,
    Rejected,
    RetrieveCall,
    Step,
    UpdateCall,
    Wait,
)
from app.payment_intents.protocol.stripe_params import create_params
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    PaymentTerms,
    Reference,
    StripeMetadata,
)
from tests.payment_intents.protocol.values import (
    ACTOR,
    CART,
    CLOSED,
    CONTEXT,
    HELD,
    HOUR,
    ID,
    LEASED,
    LEFT,
    MINUTE,
    NEXT_ID,
    NOW,
    OTHER,
    REFUSED,
    RUN,
    SECOND,
    TEN,
    TWENTY,
    Changes,
    decide_on,
    newest_of,
    state_of,
)


@pytest.mark.parametrize(
    ("wanted", "changes", "expected"),
    [
        pytest.param(TWENTY, {}, UpdateCall, id="another amount"),
        pytest.param(TEN, {}, Done, id="the same"),
        pytest.param(TEN, LEASED, Wait, id="another has the lease"),
        pytest.param(TWENTY, CLOSED, CreateCall, id="canceled"),
        pytest.param(TWENTY, {"status": "succeeded"}, Done, id="paid"),
        pytest.param(TWENTY, {"status": "processing"}, Done, id="processing"),
        pytest.param(TWENTY, {"status": "processing", "needs_refresh": True}, RetrieveCall, id="processing, unknown"),
    ],
)
def test_a_put(wanted: PaymentTerms, changes: Changes, expected: type[Step]) -> None:
    assert isinstance(decide_on(PutTerms(wanted), **changes).step, expected)


def test_the_first_put_opens_the_first_generation() -> None:
    decision = decide(ReferenceState(CART), PutTerms(TEN), RUN, CONTEXT, ACTOR)
    row = newest_of(decision)
    assert (row.id, row.generation, row.revision, decision.run.revision) == (NEXT_ID, 1, 1, 1)
    assert decision.step == CreateCall(row.create_params, f"payment_intent:{NEXT_ID}:create")
    assert json.loads(row.create_params)["metadata"]["revision"] == "1"
    assert [event.data.type for event in decision.change.events] == ["payment.opened"]


def test_a_put_is_a_revision_of_its_own_and_the_last_sign_of_activity() -> None:
    decision = decide_on(PutTerms(TWENTY), is_rolled_back=True)
    row = newest_of(decision)
    assert (row.requested_terms, row.revision, row.is_rolled_back, row.last_activity_at) == (TWENTY, 2, False, NOW)
    assert (decision.run.revision, decision.run.sent) == (2, AppliedTerms(TWENTY, 2))


@pytest.mark.parametrize(
    ("changes", "known_secrets", "is_written"),
    [
        pytest.param({"last_activity_at": NOW - MINUTE + SECOND}, {"pi_1"}, False, id="within a minute"),
        pytest.param({"last_activity_at": NOW - MINUTE}, {"pi_1"}, True, id="a minute later"),
        pytest.param({"last_activity_at": NOW}, set(), True, id="its client secret is not known"),
        pytest.param({"last_activity_at": NOW, "is_rolled_back": True}, {"pi_1"}, True, id="nobody's request"),
        pytest.param({"last_activity_at": NOW, "recheck_after": NOW}, {"pi_1"}, True, id="to recheck"),
        pytest.param({"last_activity_at": NOW, "needs_refresh": True}, {"pi_1"}, True, id="to refresh"),
        pytest.param({"last_activity_at": NOW} | LEASED, {"pi_1"}, True, id="another has the lease"),
        pytest.param({"last_activity_at": NOW, "is_cancel_requested": True}, {"pi_1"}, True, id="to cancel"),
    ],
)
def test_a_put_of_what_stands_writes_nothing_within_a_minute(
    changes: Changes, known_secrets: set[str], is_written: bool
) -> None:
    context = replace(CONTEXT, known_secrets=frozenset(known_secrets))
    decision = decide(state_of(**changes), PutTerms(TEN), RUN._replace(wants_secret=True), context, ACTOR)
    assert decision.change.is_empty != is_written
    assert (decision.run.revision is not None) == is_written


REQUESTED: Changes = {"revision": 4, "requested_terms": TWENTY}
REFUSED_LAST = REQUESTED | REFUSED | {"create_params": create_params(TWENTY, 4, StripeMetadata("test", ID, CART))}


@pytest.mark.parametrize(
    ("changes", "revision"),
    [
        pytest.param(REQUESTED | CLOSED, 3, id="canceled"),
        pytest.param(REFUSED_LAST, 4, id="its own was refused"),
        pytest.param(REQUESTED | REFUSED, 3, id="an older one was refused"),
    ],
)
def test_a_put_that_finds_its_generation_closed_opens_the_next_with_the_newest_request(
    changes: Changes, revision: int
) -> None:
    decision = decide_again(state_of(**changes), RUN._replace(revision=revision), CONTEXT, ACTOR)
    assert isinstance(decision.step, CreateCall)
    assert (newest_of(decision).requested_terms, newest_of(decision).revision) == (TWENTY, 4)


def test_a_put_does_not_send_anothers_request_that_was_refused() -> None:
    decision = decide_again(state_of(**REFUSED_LAST), RUN._replace(revision=3), CONTEXT, ACTOR)
    assert isinstance(decision.step, GiveUp)


@pytest.mark.parametrize(
    ("command", "changes", "reason"),
    [
        pytest.param(
            PutTerms(replace(TEN, cart_version=1)),
            {"requested_terms": replace(TEN, cart_version=2)},
            "stale_cart_version",
            id="an older cart",
        ),
        pytest.param(
            PutTerms(TEN), {"requested_terms": replace(TEN, cart_version=2)}, "stale_cart_version", id="no cart version"
        ),
        pytest.param(
            PutTerms(replace(TWENTY, cart_version=2)),
            {"requested_terms": replace(TEN, cart_version=2)},
            "cart_version_conflict",
            id="the same cart at another price",
        ),
        pytest.param(PutTerms(TEN, OTHER), {}, "previous_payment_intent_mismatch", id="follows an unknown one"),
        pytest.param(
            PutTerms(TEN, OTHER),
            {"status": "succeeded"},
            "previous_payment_intent_mismatch",
            id="paid, follows another",
        ),
        pytest.param(Capture(ID, 1001), HELD, "capture_exceeds_authorization", id="captures too much"),
        pytest.param(Capture(ID, 500), HELD | {"capture_amount": 600}, "payment_in_progress", id="another capture"),
    ],
)
def test_a_rejected_command_changes_nothing(command: Command, changes: Changes, reason: str) -> None:
    decision = decide_on(command, **changes)
    assert isinstance(decision.step, Rejected)
    assert (decision.step.reason, decision.change.is_empty) == (reason, True)


def test_a_reference_that_was_attached_to_a_cart_says_so() -> None:
    state = ReferenceState(Reference("session", "s1"), 1, moved_to="c1")
    step = decide(state, PutTerms(TEN), RUN, CONTEXT, ACTOR).step
    assert step == Rejected("moved", {"cart_id": "c1"})


@pytest.mark.parametrize(
    "command",
    [Cancel(ID), Capture(ID), Refresh(), Recover(ID), Expire(ID), Resume()],
    ids=lambda each: type(each).__name__,
)
def test_without_a_payment_intent_there_is_nothing_to_do(command: Command) -> None:
    step = decide(ReferenceState(CART), command, RUN, CONTEXT, ACTOR).step
    assert step == Rejected("payment_intent_not_found")


def test_a_paid_one_is_followed_by_the_next_generation() -> None:
    decision = decide_on(PutTerms(TWENTY, previous_payment_intent=ID), status="succeeded")
    before, row = decision.change.state.payment_intents
    assert (before.closed_reason, row.previous_id, row.generation) == ("followed", ID, 2)
    assert isinstance(decision.step, CreateCall)


@pytest.mark.parametrize(
    ("command", "changes", "expected"),
    [
        pytest.param(Cancel(ID), {}, CancelCall, id="cancel"),
        pytest.param(Cancel(OTHER), {}, Done, id="cancel another"),
        pytest.param(Cancel(ID), CLOSED, Done, id="cancel a closed one"),
        pytest.param(Capture(ID), HELD, CaptureCall, id="capture"),
        pytest.param(Capture(ID), {}, Done, id="capture what is not held"),
        pytest.param(Refresh(), {}, RetrieveCall, id="refresh"),
        pytest.param(Refresh(2 * SECOND), {"refresh_requested_at": NOW - SECOND}, Done, id="refresh again"),
        pytest.param(Refresh(), CLOSED, Done, id="refresh a closed one"),
        pytest.param(Recover(ID), {}, Done, id="recover what agrees"),
        pytest.param(Recover(ID), {"updated_at": NOW - 2 * HOUR}, RetrieveCall, id="recover after silence"),
        pytest.param(Expire(ID), {}, Done, id="expire what was touched"),
        pytest.param(Expire(ID), {"last_activity_at": NOW - 25 * HOUR}, CancelCall, id="expire"),
        pytest.param(
            Expire(ID), {"last_activity_at": NOW - 25 * HOUR, "needs_refresh": True}, Done, id="expire what is unknown"
        ),
        pytest.param(Expire(ID), {"last_activity_at": NOW - 25 * HOUR} | LEFT, Done, id="expire what somebody writes"),
        pytest.param(Resume(), {"requested_terms": TWENTY}, UpdateCall, id="converge"),
    ],
)
def test_a_command(command: Command, changes: Changes, expected: type[Step]) -> None:
    assert isinstance(decide_on(command, **changes).step, expected)


def test_a_refresh_makes_older_answers_outdated() -> None:
    row = newest_of(decide_on(Refresh(), version=3))
    assert (row.needs_refresh, row.version, row.refresh_requested_at) == (True, 4, NOW)

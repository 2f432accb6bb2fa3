"""How what Stripe says changes the state, rule by rule."""

from dataclasses import replace
from datetime import datetime

import pytest

from app.payment_intents.protocol.record import give_up, record_hint
from app.payment_intents.protocol.refusals import roll_back
from app.payment_intents.protocol.state import (
    Change,
)
from app.payment_intents.protocol.steps import (
    Answer,
    Answered,
    Call,
    CancelCall,
    CaptureCall,
    CreateCall,
    Done,
    Fail,
    FindCall,
    FoundNothing,
    GiveUp,
    KeyConflict,
    NotSent,
    Refused,
    ReplayedFailure,
    RetrieveCall,
    Step,
    Unknown,
    Wait,
)
from app.payment_intents.protocol.terms import (
    AppliedTerms,
)
from app.stripe_gateway import PaymentIntentSnapshot
from tests.payment_intents.protocol.values import (
    ACTOR,
    AGREED,
    CHALLENGED,
    CLOSED,
    CONFIG,
    CONTEXT,
    CREATE,
    HELD,
    ID,
    LEASED,
    NOT_CREATED,
    NOTE,
    NOW,
    OTHER,
    RUN,
    SECOND,
    SNAPSHOT,
    SURPLUS,
    TEN,
    TOKEN,
    TWENTY,
    UPDATE,
    Changes,
    newest_of,
    record,
    state_of,
)


@pytest.mark.parametrize(
    ("changes", "snapshot", "status", "needs_refresh"),
    [
        ({}, CHALLENGED, "requires_action", False),
        ({"version": 4}, CHALLENGED, "requires_payment_method", True),
        ({"version": 4}, SNAPSHOT, "requires_payment_method", False),
        ({"version": 4, "needs_refresh": True}, SNAPSHOT, "requires_payment_method", True),
        ({"needs_refresh": True}, CHALLENGED, "requires_action", False),
        ({}, replace(CHALLENGED, is_replay=True), "requires_payment_method", True),
        (LEASED, CHALLENGED, "requires_payment_method", True),
        (LEASED | {"version": 9}, replace(SNAPSHOT, status="canceled"), "canceled", False),
        ({"closed_at": NOW, "closed_reason": "x"}, CHALLENGED, "requires_payment_method", False),
        ({}, replace(CHALLENGED, id="pi_2"), "requires_payment_method", False),
    ],
    ids=[
        "nothing was recorded since",
        "something was recorded since",
        "the same was recorded since",
        "something was recorded since and it is unknown",
        "it is unknown, nothing was recorded since",
        "a replay",
        "the lease is another's",
        "a terminal one counts always",
        "the row is closed",
        "another PaymentIntent",
    ],
)
def test_which_answers_count(
    changes: Changes, snapshot: PaymentIntentSnapshot, status: str, needs_refresh: bool
) -> None:
    row = newest_of(record(Answered(snapshot), **changes))
    assert (row.status, row.needs_refresh) == (status, needs_refresh)


def test_an_answer_after_the_lease_leaves_its_trace() -> None:
    assert newest_of(record(Answered(SNAPSHOT), **LEASED)).recheck_after == NOW + CONFIG.longest_request


@pytest.mark.parametrize(
    ("began_at", "is_cleared"),
    [pytest.param(NOW, True, id="began after it"), pytest.param(NOW - SECOND, False, id="began before it")],
)
def test_only_a_retrieve_that_began_after_it_clears_the_recheck(began_at: datetime, is_cleared: bool) -> None:
    row = newest_of(record(Answered(SNAPSHOT), RetrieveCall("pi_1", began_at), recheck_after=NOW))
    assert (row.recheck_after is None) == is_cleared


def test_an_update_does_not_clear_the_recheck() -> None:
    assert newest_of(record(Answered(SNAPSHOT), UPDATE, recheck_after=NOW - SECOND)).recheck_after == NOW - SECOND


def test_what_was_rolled_back_and_arrives_late_is_not_taken_for_what_was_held() -> None:
    wanted = replace(TWENTY, description="new")
    row = roll_back(AGREED._replace(requested_terms=wanted, revision=5))
    metadata = {**SNAPSHOT.metadata, "revision": "5"}
    late = replace(SNAPSHOT, amount=2000, metadata=metadata, fields={"description": "new"})
    after = newest_of(
        record(Answered(late), requested_terms=row.requested_terms, revision=row.revision, is_rolled_back=True)
    )
    assert after.applied_terms == AppliedTerms(wanted)
    assert not after.applied_terms.covers(row.requested_terms)


@pytest.mark.parametrize(
    ("answer", "call", "run", "changes", "expected"),
    [
        pytest.param(Unknown(), UPDATE, {}, {}, Fail, id="unknown"),
        pytest.param(NotSent(), UPDATE, {}, {}, Fail, id="not sent"),
        pytest.param(FoundNothing(), FindCall({}, NOW, None), {"calls": 2}, NOT_CREATED, CreateCall, id="not found"),
        pytest.param(KeyConflict(), CREATE, {"calls": 2}, NOT_CREATED, FindCall, id="the key was used"),
        pytest.param(KeyConflict(), UPDATE, {"calls": 2}, {}, RetrieveCall, id="refused, its state not shown"),
        pytest.param(ReplayedFailure(), CREATE, {"calls": 2}, NOT_CREATED, FindCall, id="a failure from memory"),
        pytest.param(
            ReplayedFailure(),
            CREATE,
            {"must_search": True, "has_searched": True},
            NOT_CREATED,
            Fail,
            id="a failure from memory, and nothing was found",
        ),
        pytest.param(Refused(), UPDATE, {"sent": AppliedTerms(TWENTY, 1), "revision": 1}, {}, Fail, id="refused, mine"),
        pytest.param(
            Refused(),
            UPDATE,
            {"sent": AppliedTerms(TWENTY, 1)},
            {"last_activity_at": NOW},
            Done,
            id="refused, another's",
        ),
        pytest.param(Refused(), UPDATE, {"sent": AppliedTerms(TWENTY, 1)}, {}, Fail, id="refused, its owner is gone"),
        pytest.param(
            Refused(),
            UPDATE,
            {"sent": AppliedTerms(TWENTY, 1), "calls": 2},
            {"revision": 2},
            Done,
            id="refused, outdated",
        ),
        pytest.param(Refused(), UPDATE, {}, LEASED, Wait, id="refused, the lease is another's"),
        pytest.param(Refused(), CREATE, {"revision": 1}, NOT_CREATED, Fail, id="not created, mine"),
        pytest.param(Refused(), CREATE, {"revision": 2}, NOT_CREATED, GiveUp, id="not created, another's"),
        pytest.param(Refused(), CREATE, {}, NOT_CREATED, Done, id="not created, for a job"),
        pytest.param(
            Refused(), CancelCall("pi_1", None, "key"), {}, {"is_cancel_requested": True}, Fail, id="not canceled"
        ),
    ],
)
def test_how_a_call_that_shows_nothing_ends(
    answer: Answer, call: Call, run: Changes, changes: Changes, expected: type[Step]
) -> None:
    decision = record(answer, call, run, **changes)
    assert isinstance(decision.step, expected)
    assert newest_of(decision).lease_token != TOKEN or isinstance(decision.step, Call)


@pytest.mark.parametrize(
    ("answer", "needs_refresh"),
    [pytest.param(Unknown(), True, id="unknown"), pytest.param(NotSent(), False, id="not sent")],
)
def test_only_an_unknown_outcome_is_asked_about(answer: Answer, needs_refresh: bool) -> None:
    row = newest_of(record(answer, UPDATE))
    assert (row.needs_refresh, row.recheck_after is not None) == (needs_refresh, needs_refresh)


@pytest.mark.parametrize(
    ("call", "changes", "after"),
    [
        pytest.param(CancelCall("pi_1", None, "key"), {"is_cancel_requested": True}, {}, id="cancel"),
        pytest.param(CaptureCall("pi_1", 500, "key"), {"capture_amount": 500} | HELD, HELD, id="capture"),
        pytest.param(
            UPDATE,
            {"requested_terms": TWENTY},
            {"revision": 2, "is_rolled_back": True, "refused_revision": 2, "version": 3},
            id="update",
        ),
        pytest.param(
            UPDATE,
            {"requested_terms": NOTE},
            {"revision": 2, "is_rolled_back": True, "version": 3},
            id="update, at the same price",
        ),
        pytest.param(
            UPDATE,
            {"applied_terms": AppliedTerms(TEN, is_of_session=True)},
            {"applied_terms": AppliedTerms(TEN), "version": 3},
            id="update of our own metadata",
        ),
        pytest.param(
            CancelCall("pi_1", "abandoned", "key"),
            {"is_cancel_requested": True, "cancel_reason": "abandoned"},
            {"last_activity_at": NOW},
            id="cancel of what is abandoned",
        ),
        pytest.param(
            CancelCall("pi_1", None, "key"),
            {"is_cancel_requested": True, "requested_terms": TWENTY, "status": "requires_action"},
            {"status": "requires_action", "revision": 2, "is_rolled_back": True, "refused_revision": 2},
            id="cancel for another price",
        ),
    ],
)
def test_what_stripe_refuses_is_given_up(call: Call, changes: Changes, after: Changes) -> None:
    row = newest_of(record(Refused("declined"), call, {"sent": AppliedTerms(TWENTY, 1)}, **changes))
    expected: Changes = {"version": 3} | after
    assert row == AGREED._replace(**expected)


def test_a_refused_creation_is_closed() -> None:
    row = newest_of(record(Refused("amount_too_small"), CREATE, {"revision": 1}, **NOT_CREATED))
    assert (row.closed_reason, row.closed_at, row.is_unmade) == ("refused", NOW, True)


def test_a_run_without_time_releases_its_lease_alone() -> None:
    mine = give_up(state_of(lease_token=TOKEN, lease_until=NOW), RUN._replace(about=ID), CONTEXT, ACTOR)
    others = give_up(state_of(**LEASED), RUN._replace(about=ID), CONTEXT, ACTOR)
    assert (newest_of(mine).lease_token, newest_of(others).lease_token) == (None, OTHER)


# Webhooks.


@pytest.mark.parametrize(
    ("changes", "snapshot", "expected", "jobs"),
    [
        pytest.param({}, SNAPSHOT, {}, 0, id="the same status"),
        pytest.param(LEASED, SNAPSHOT, {"version": 1}, 0, id="the same status, leased"),
        pytest.param({}, CHALLENGED, {"version": 1, "needs_refresh": True}, 1, id="another status"),
        pytest.param(CLOSED, CHALLENGED, {}, 0, id="closed"),
        pytest.param(
            CLOSED, replace(SNAPSHOT, status="succeeded"), {"needs_refresh": True}, 1, id="closed, and it succeeded"
        ),
        pytest.param(SURPLUS, SNAPSHOT, {}, 0, id="closed here alone, the same status"),
        pytest.param(SURPLUS, CHALLENGED, {"needs_refresh": True}, 1, id="closed here alone, another status"),
        pytest.param({}, replace(CHALLENGED, id="pi_2"), {}, 0, id="another PaymentIntent"),
        pytest.param({"status": "succeeded"}, SNAPSHOT, {}, 0, id="paid"),
    ],
)
def test_a_webhook_is_a_hint(changes: Changes, snapshot: PaymentIntentSnapshot, expected: Changes, jobs: int) -> None:
    state = state_of(**changes)
    change = Change(state, CONTEXT, ACTOR)
    record_hint(change, state.payment_intents[0], snapshot)
    assert change.state == state_of(**changes | expected)
    assert len(change.jobs) == jobs


@pytest.mark.parametrize(
    ("received", "flags"),
    [
        pytest.param(1000, (), id="what is owed"),
        pytest.param(900, ("amount_mismatch",), id="something else"),
    ],
)
def test_a_payment_is_taken_at_once_and_its_amount_checked(received: int, flags: tuple[str, ...]) -> None:
    state = state_of(**LEASED)
    change = Change(state, CONTEXT, ACTOR)
    paid = replace(SNAPSHOT, status="succeeded", amount=received, amount_received=received)
    row = record_hint(change, state.payment_intents[0], paid)
    assert (row.status, row.amount_received, row.flags) == ("succeeded", received, flags)

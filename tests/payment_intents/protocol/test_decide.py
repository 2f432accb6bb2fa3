"""Which step is next, rule by rule."""

from dataclasses import replace
from datetime import datetime

import pytest

from app.payment_intents.protocol.commands import (
    Resume,
)
from app.payment_intents.protocol.decide import decide_again, roll_back
from app.payment_intents.protocol.steps import (
    CLOCK_SKEW,
    CancelCall,
    CaptureCall,
    ConvergeRun,
    CreateCall,
    Done,
    FindCall,
    GiveUp,
    RetrieveCall,
    Step,
    UpdateCall,
    Wait,
)
from app.payment_intents.protocol.terms import (
    AppliedTerms,
)
from tests.payment_intents.protocol.values import (
    ACTOR,
    AGREED,
    CONFIG,
    CONTEXT,
    HELD,
    HOUR,
    LEASED,
    LEFT,
    NOT_CREATED,
    NOTE,
    NOW,
    RUN,
    SECOND,
    TEN,
    TOKEN,
    TWENTY,
    Changes,
    decide_on,
    newest_of,
    state_of,
)


@pytest.mark.parametrize(
    ("changes", "run", "expected"),
    [
        pytest.param({}, {}, Done, id="agreed"),
        pytest.param(LEASED, {}, Wait, id="another has the lease"),
        pytest.param(LEFT, {}, RetrieveCall, id="another left its lease"),
        pytest.param(LEASED | {"closed_at": NOW}, {}, Wait, id="closed, and another has the lease"),
        pytest.param({"closed_at": NOW}, {}, Done, id="closed"),
        pytest.param({"status": "succeeded", "needs_refresh": True}, {}, Done, id="paid"),
        pytest.param({"needs_refresh": True}, {"calls": 6}, GiveUp, id="six calls made"),
        pytest.param(
            {"needs_refresh": True, "revision": 2}, {"calls": 6, "revision": 2}, GiveUp, id="six calls, mine is newest"
        ),
        pytest.param(
            {"needs_refresh": True, "revision": 3}, {"calls": 6, "revision": 2}, Wait, id="six calls, to refresh"
        ),
        pytest.param(
            {"is_cancel_requested": True, "revision": 3}, {"calls": 6, "revision": 2}, Wait, id="six calls, to cancel"
        ),
        pytest.param(
            {"recheck_after": NOW, "revision": 3}, {"calls": 6, "revision": 2}, Wait, id="six calls, to recheck"
        ),
        pytest.param({"revision": 3}, {"calls": 6, "revision": 2}, Done, id="six calls, and agreed"),
        pytest.param({"capture_amount": 500} | HELD, {"calls": 6}, GiveUp, id="six calls, to capture"),
        pytest.param(NOT_CREATED, {}, CreateCall, id="not created"),
        pytest.param(NOT_CREATED | {"created_at": NOW - 21 * HOUR}, {}, FindCall, id="the key may be forgotten"),
        pytest.param(
            NOT_CREATED | {"created_at": NOW - 21 * HOUR}, {"has_searched": True}, CreateCall, id="searched already"
        ),
        pytest.param(NOT_CREATED, {"must_search": True}, FindCall, id="its key was not clear"),
        pytest.param({"is_cancel_requested": True, "needs_refresh": True}, {}, CancelCall, id="to cancel"),
        pytest.param({"is_cancel_requested": True, "status": "processing"}, {}, Done, id="processing, to cancel"),
        pytest.param({"needs_refresh": True}, {}, RetrieveCall, id="to refresh"),
        pytest.param({"applied_terms": None}, {}, RetrieveCall, id="nothing known of Stripe"),
        pytest.param({"recheck_after": NOW + SECOND}, {}, RetrieveCall, id="to recheck"),
        pytest.param({"recheck_after": NOW + SECOND}, {"is_fresh": True}, Done, id="to recheck, just asked"),
        pytest.param({"requested_terms": TWENTY}, {}, UpdateCall, id="another price"),
        pytest.param(
            {"requested_terms": TWENTY, "status": "requires_action"}, {}, CancelCall, id="authenticating another price"
        ),
        pytest.param(
            {"requested_terms": NOTE, "status": "requires_action"}, {}, UpdateCall, id="authenticating the same price"
        ),
        pytest.param({"requested_terms": TWENTY, "status": "processing"}, {}, Done, id="processing another price"),
        pytest.param({"capture_amount": 500} | HELD, {}, CaptureCall, id="to capture"),
        pytest.param({"capture_amount": 500, "needs_refresh": True} | HELD, {}, RetrieveCall, id="to capture, refresh"),
    ],
)
def test_what_comes_next(changes: Changes, run: Changes, expected: type[Step]) -> None:
    decision = decide_again(state_of(**changes), ConvergeRun(TOKEN, **run), CONTEXT, ACTOR)
    assert isinstance(decision.step, expected)


def test_who_makes_a_call_has_the_lease_and_who_is_done_has_not() -> None:
    calling, done = decide_again(state_of(needs_refresh=True), RUN, CONTEXT, ACTOR), decide_on(Resume())
    assert (newest_of(calling).lease_token, newest_of(calling).lease_until) == (TOKEN, NOW + CONFIG.lease)
    assert (newest_of(done).lease_token, newest_of(done).lease_until) == (None, None)


def test_a_put_without_the_client_secret_retrieves_it() -> None:
    forgetful = replace(CONTEXT, known_secrets=frozenset())
    run = ConvergeRun(TOKEN, revision=1, wants_secret=True)
    assert isinstance(decide_again(state_of(), run, forgetful, ACTOR).step, RetrieveCall)
    assert isinstance(decide_again(state_of(), run, CONTEXT, ACTOR).step, Done)


@pytest.mark.parametrize(
    ("must_search", "until"),
    [
        pytest.param(False, NOW - 20 * HOUR + CLOCK_SKEW, id="an old key"),
        pytest.param(True, None, id="a key that was not clear"),
    ],
)
def test_what_a_key_does_not_find_is_looked_for(must_search: bool, until: datetime | None) -> None:
    created_at = NOW - 21 * HOUR
    state = state_of(**NOT_CREATED, created_at=created_at)
    step = decide_again(state, ConvergeRun(TOKEN, must_search=must_search), CONTEXT, ACTOR).step
    assert isinstance(step, FindCall)
    assert (step.created_after, step.created_before) == (created_at - CLOCK_SKEW, until)


def test_a_lease_that_ran_out_leaves_its_trace() -> None:
    row = newest_of(decide_again(state_of(**LEFT), RUN, CONTEXT, ACTOR))
    assert (row.needs_refresh, row.recheck_after) == (True, NOW + CONFIG.longest_request)


def test_what_was_learnt_before_waiting_for_another_is_not_fresh() -> None:
    waited = decide_again(state_of(**LEASED), RUN._replace(is_fresh=True), CONTEXT, ACTOR).run
    after = decide_again(state_of(recheck_after=NOW + SECOND), waited, CONTEXT, ACTOR)
    assert isinstance(after.step, RetrieveCall)


@pytest.mark.parametrize(
    ("revision", "last_activity_at", "is_rolled_back"),
    [(5, NOW, True), (4, NOW, False), (None, NOW, False), (None, NOW - 21 * SECOND, False)],
    ids=["its owner", "an older one", "a job", "nobody waits for it, who may have been told that it is accepted"],
)
def test_a_frozen_rows_request_is_rolled_back_by_its_owner_alone(
    revision: int | None, last_activity_at: datetime, is_rolled_back: bool
) -> None:
    state = state_of(requested_terms=TWENTY, revision=5, status="processing", last_activity_at=last_activity_at)
    row = newest_of(decide_again(state, RUN._replace(revision=revision), CONTEXT, ACTOR))
    assert (row.requested_terms, row.is_rolled_back) == ((TEN, True) if is_rolled_back else (TWENTY, False))


def test_what_is_rolled_back_is_a_revision_of_its_own_once() -> None:
    row = roll_back(roll_back(AGREED._replace(requested_terms=TWENTY, revision=5)))
    assert (row.revision, row.requested_terms) == (6, TEN)


def test_while_an_older_request_may_arrive_all_that_is_set_is_sent() -> None:
    known = AppliedTerms(NOTE, 1)
    wanted = replace(TWENTY, description="x")
    state = state_of(applied_terms=known, requested_terms=wanted, recheck_after=NOW)
    sent = [
        decide_again(each, RUN._replace(is_fresh=True), CONTEXT, ACTOR).step
        for each in (state, state_of(applied_terms=known, requested_terms=wanted))
    ]
    assert [sorted(each.params) for each in sent if isinstance(each, UpdateCall)] == [
        ["amount", "currency", "description", "metadata"],
        ["amount", "metadata"],
    ]

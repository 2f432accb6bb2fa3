"""Which step is next, rule by rule."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from app.payment_intents.protocol.commands import (
    PutTerms,
    Resume,
)
from app.payment_intents.protocol.decide import decide_again
from app.payment_intents.protocol.refusals import roll_back
from app.payment_intents.protocol.state import mark_outcome_unknown, release_lease
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
    PaymentTerms,
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


def _sent(held: PaymentTerms, wanted: PaymentTerms, **changes: Any) -> dict[str, Any]:
    state = state_of(applied_terms=AppliedTerms(held, 1), requested_terms=wanted, **changes)
    step = decide_again(state, RUN._replace(is_fresh=True), CONTEXT, ACTOR).step
    assert isinstance(step, UpdateCall)
    return {name: value for name, value in step.params.items() if name != "metadata"}


FULL = replace(TEN, customer="cus_1", description="x", receipt_email="a@b.example", setup_future_usage="off_session")


@pytest.mark.parametrize(
    ("held", "wanted", "sent"),
    [
        pytest.param(NOTE, replace(NOTE, amount=2000), {"amount": 2000}, id="what differs"),
        pytest.param(
            TEN,
            FULL,
            {
                "customer": "cus_1",
                "description": "x",
                "receipt_email": "a@b.example",
                "setup_future_usage": "off_session",
            },
            id="what was not set",
        ),
        pytest.param(FULL, TWENTY, {"amount": 2000, "receipt_email": "", "setup_future_usage": ""}, id="left out"),
    ],
)
def test_what_an_update_sends(held: PaymentTerms, wanted: PaymentTerms, sent: Changes) -> None:
    assert _sent(held, wanted) == sent


def test_what_stripe_can_not_unset_stays_when_it_is_left_out() -> None:
    row = newest_of(
        decide_on(
            PutTerms(TEN), applied_terms=AppliedTerms(replace(FULL, receipt_email=None, setup_future_usage=None), 1)
        )
    )
    assert row.is_synced


@pytest.mark.parametrize(
    ("unconfirmed", "changes", "sent"),
    [
        pytest.param((), {}, ["receipt_email"], id="nothing"),
        pytest.param(("amount", "description"), {}, ["amount", "description", "receipt_email"], id="of these"),
        pytest.param(("customer",), {}, ["receipt_email"], id="a customer that is held"),
        pytest.param(("shipping",), {}, ["receipt_email"], id="what is not asked for"),
        pytest.param(
            ("amount", "description"),
            {"status": "requires_action"},
            ["description", "receipt_email"],
            id="the price, while the shopper authenticates",
        ),
    ],
)
def test_what_an_older_request_may_set_is_sent_again(
    unconfirmed: tuple[str, ...], changes: Changes, sent: list[str]
) -> None:
    wanted = replace(FULL, receipt_email="c@d.example")
    assert sorted(_sent(FULL, wanted, recheck_after=NOW, unconfirmed_fields=unconfirmed, **changes)) == sent


def test_what_is_sent_is_unconfirmed_until_its_outcome_is_known() -> None:
    calling = newest_of(decide_again(state_of(requested_terms=TWENTY), RUN, CONTEXT, ACTOR))
    assert calling.unconfirmed_fields == ("amount",)
    assert release_lease(calling).unconfirmed_fields == ()
    assert release_lease(mark_outcome_unknown(calling, CONTEXT)).unconfirmed_fields == ("amount",)
    later = state_of(
        requested_terms=NOTE,
        status="requires_action",
        recheck_after=NOW,
        unconfirmed_fields=calling.unconfirmed_fields,
    )
    noting = newest_of(decide_again(later, RUN._replace(is_fresh=True), CONTEXT, ACTOR))
    assert noting.unconfirmed_fields == ("amount", "description")


@pytest.mark.parametrize(
    ("held", "wanted", "status", "expected"),
    [
        pytest.param(None, "cus_1", "requires_payment_method", UpdateCall, id="the first customer"),
        pytest.param("cus_1", "cus_2", "requires_payment_method", CancelCall, id="another customer"),
        pytest.param("cus_1", "cus_2", "requires_action", CancelCall, id="another customer, authenticating"),
        pytest.param("cus_1", None, "requires_payment_method", Done, id="left out"),
        pytest.param("cus_1", "cus_2", "processing", Done, id="processing"),
    ],
)
def test_another_customer_needs_another_payment_intent(
    held: str | None, wanted: str | None, status: str, expected: type[Step]
) -> None:
    terms = [replace(TEN, customer=each) for each in (held, wanted)]
    state = state_of(applied_terms=AppliedTerms(terms[0], 1), requested_terms=terms[1], status=status)
    assert isinstance(decide_again(state, RUN, CONTEXT, ACTOR).step, expected)

"""The rules of decide and record, one by one, without a database and without Stripe."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from app.payment_intents.content import Marks
from app.payment_intents.recording import Door, record_answer

from app.domain_events.repository import Actor
from app.payment_intents import content, protocol
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Cancel, Capture, Create, Done, Find, GiveUp, Retrieve, Rules, Run, Update, Wait
from app.references.models import PaymentReference, Reference
from app.stripe_gateway import PaymentIntentSnapshot

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULES = Rules("test", lease=15 * SECOND, send_within=SECOND, patience=20 * SECOND, longest_request=45 * SECOND)
OTHER = uuid.uuid4()


def _content(amount: int = 1000) -> dict[str, Any]:
    return dict.fromkeys(content.FIELDS) | {"amount": amount, "currency": "eur", "metadata": {}, "cart_version": None}


def _row(**changes: Any) -> PaymentIntent:
    """Give a row that agrees with Stripe, changed as told."""
    row_id = uuid.uuid4()
    values: dict[str, Any] = {
        "id": row_id,
        "reference_kind": "cart",
        "reference_id": "c1",
        "generation": 1,
        "stripe_id": "pi_1",
        "opening": content.opening_parameters(_content(), 1, Marks("test", row_id, Reference("cart", "c1"))),
        "requested": _content(),
        "revision": 1,
        "applied": _content() | {"revision": 1},
        "status": "requires_payment_method",
        "amount": 1000,
        "currency": "eur",
        "touched_at": NOW,
        "created_at": NOW,
    }
    row = PaymentIntent(**values)
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def _run(**values: Any) -> Run:
    return Run(Actor("test"), **values)


UNANSWERED: dict[str, Any] = {"stripe_id": None, "status": None, "applied": None}
LEASED: dict[str, Any] = {"lease_token": OTHER, "lease_until": NOW + SECOND}
LEFT: dict[str, Any] = {"lease_token": OTHER, "lease_until": NOW - SECOND}


@pytest.mark.parametrize(
    ("changes", "run", "expected"),
    [
        ({}, {}, Done),
        (LEASED, {}, Wait),
        (LEFT, {}, Retrieve),
        (LEASED | {"closed_at": NOW}, {}, Wait),
        ({"closed_at": NOW}, {}, Done),
        ({"status": "succeeded", "needs_sync": True}, {}, Done),
        ({"needs_sync": True}, {"calls": 6}, GiveUp),
        ({"needs_sync": True, "revision": 2}, {"calls": 6, "revision": 2}, GiveUp),
        ({"needs_sync": True, "revision": 3}, {"calls": 6, "revision": 2}, Wait),
        ({"is_closing": True, "revision": 3}, {"calls": 6, "revision": 2}, Wait),
        ({"check_at": NOW, "revision": 3}, {"calls": 6, "revision": 2}, Wait),
        ({"revision": 3}, {"calls": 6, "revision": 2}, Done),
        ({"capture_amount": 500, "status": "requires_capture"}, {"calls": 6}, GiveUp),
        (UNANSWERED, {}, Create),
        (UNANSWERED | {"created_at": NOW - timedelta(hours=21)}, {}, Find),
        (UNANSWERED | {"created_at": NOW - timedelta(hours=21)}, {"has_searched": True}, Create),
        (UNANSWERED, {"must_search": True}, Find),
        ({"is_closing": True, "needs_sync": True}, {}, Cancel),
        ({"is_closing": True, "status": "processing"}, {}, Done),
        ({"needs_sync": True}, {}, Retrieve),
        ({"applied": None}, {}, Retrieve),
        ({"check_at": NOW + SECOND}, {}, Retrieve),
        ({"check_at": NOW + SECOND}, {"is_fresh": True}, Done),
        ({"requested": _content(2000)}, {}, Update),
        ({"requested": _content(2000), "status": "requires_action"}, {}, Cancel),
        ({"requested": _content() | {"description": "x"}, "status": "requires_action"}, {}, Update),
        ({"requested": _content(2000), "status": "processing"}, {}, Done),
        ({"capture_amount": 500, "status": "requires_capture"}, {}, Capture),
        ({"capture_amount": 500, "status": "requires_capture", "needs_sync": True}, {}, Retrieve),
    ],
)
def test_what_comes_next(changes: dict[str, Any], run: dict[str, Any], expected: type) -> None:
    step = protocol.decide(_row(**changes), _run(**run), RULES, now=NOW)
    assert isinstance(step, expected)


@pytest.mark.parametrize(
    ("must_search", "until"), [(False, NOW - timedelta(hours=20) + protocol.CLOCK_SKEW), (True, None)]
)
def test_a_claim_is_looked_for_where_its_key_finds_nothing(must_search: bool, until: datetime | None) -> None:
    made = NOW - timedelta(hours=21)
    step = protocol.decide(_row(**UNANSWERED, created_at=made), _run(must_search=must_search), RULES, now=NOW)
    assert isinstance(step, Find)
    assert (step.created_after, step.created_before) == (made - protocol.CLOCK_SKEW, until)


def test_a_lease_that_ran_out_leaves_its_trace() -> None:
    row = _row(**LEFT)
    protocol.decide(row, _run(), RULES, now=NOW)
    assert (row.needs_sync, row.check_at) == (True, NOW + RULES.longest_request)


def test_what_was_learnt_before_waiting_for_another_is_not_fresh() -> None:
    run = _run(is_fresh=True)
    protocol.decide(_row(**LEASED), run, RULES, now=NOW)
    assert isinstance(protocol.decide(_row(check_at=NOW + SECOND), run, RULES, now=NOW), Retrieve)


@pytest.mark.parametrize(
    ("revision", "touched_at", "is_rolled_back"),
    [(5, NOW, True), (4, NOW, False), (None, NOW, False), (None, NOW - 21 * SECOND, False)],
    ids=["its owner", "an older one", "a job", "nobody waits for it, who may have been told that it is accepted"],
)
def test_a_frozen_rows_request_is_rolled_back_by_its_owner_alone(
    revision: int | None, touched_at: datetime, is_rolled_back: bool
) -> None:
    row = _row(requested=_content(2000), revision=5, status="processing", touched_at=touched_at)
    protocol.decide(row, _run(revision=revision), RULES, now=NOW)
    assert (row.requested["amount"], row.is_rolled_back) == ((1000, True) if is_rolled_back else (2000, False))


def test_what_is_rolled_back_is_a_revision_of_its_own_once() -> None:
    row = _row(requested=_content(2000), revision=5)
    protocol.roll_back(row)
    protocol.roll_back(row)
    assert row.revision == 6


# Record.


class _Session:
    def __init__(self) -> None:
        self.info: dict[str, Any] = {}


SNAPSHOT = PaymentIntentSnapshot(
    id="pi_1",
    status="requires_payment_method",
    amount=1000,
    currency="eur",
    amount_received=0,
    amount_capturable=0,
    metadata={"revision": "1", "reference_kind": "cart", "reference_id": "c1"},
    latest_charge_id=None,
    last_payment_error=None,
    cancellation_reason=None,
    fields={},
    created=NOW,
)


async def _record(row: PaymentIntent, run: Run, snapshot: PaymentIntentSnapshot, call: object = None) -> None:
    reference = PaymentReference(kind="cart", id="c1", next_generation=2, next_sequence=1)
    door = Door(cast(Any, _Session()), reference, Actor("test"), "test", NOW)
    await record_answer(door, row, run, RULES, snapshot, call=call)


def _leased(**changes: Any) -> tuple[PaymentIntent, Run]:
    """Give a row whose lease this run holds."""
    run = _run(version=3)
    row = _row(lease_token=run.token, lease_until=NOW + SECOND, version=3)
    for name, value in changes.items():
        setattr(row, name, value)
    return row, run


CHALLENGED = replace(SNAPSHOT, status="requires_action", amount=2000)


@pytest.mark.parametrize(
    ("changes", "snapshot", "status", "needs_sync"),
    [
        ({}, CHALLENGED, "requires_action", False),
        ({"version": 4}, CHALLENGED, "requires_payment_method", True),
        ({"version": 4}, SNAPSHOT, "requires_payment_method", False),
        ({"version": 4, "needs_sync": True}, SNAPSHOT, "requires_payment_method", True),
        ({"needs_sync": True}, CHALLENGED, "requires_action", False),
        ({}, replace(CHALLENGED, is_replay=True), "requires_payment_method", True),
        ({"lease_token": OTHER}, CHALLENGED, "requires_payment_method", True),
        ({"lease_token": OTHER, "version": 9}, replace(SNAPSHOT, status="canceled"), "canceled", False),
        ({"closed_at": NOW, "closed_reason": "x"}, CHALLENGED, "requires_payment_method", False),
        ({}, replace(CHALLENGED, id="pi_2"), "requires_payment_method", False),
    ],
    ids=[
        "nothing moved",
        "it moved",
        "it moved to the same",
        "it moved and is in doubt",
        "in doubt, nothing moved",
        "a replay",
        "the lease is another's",
        "a terminal one counts always",
        "the row is closed",
        "another PaymentIntent",
    ],
)
async def test_which_answers_count(
    changes: dict[str, Any], snapshot: PaymentIntentSnapshot, status: str, needs_sync: bool
) -> None:
    row, run = _leased(**changes)
    await _record(row, run, snapshot)
    assert (row.status, row.needs_sync) == (status, needs_sync)


async def test_an_answer_after_the_lease_leaves_its_trace() -> None:
    row, run = _leased(lease_token=OTHER)
    await _record(row, run, SNAPSHOT)
    assert row.check_at == NOW + RULES.longest_request


@pytest.mark.parametrize(("began_at", "is_cleared"), [(NOW, True), (NOW - SECOND, False)])
async def test_only_a_retrieve_that_began_after_it_clears_the_check(began_at: datetime, is_cleared: bool) -> None:
    row, run = _leased(check_at=NOW)
    await _record(row, run, SNAPSHOT, Retrieve("pi_1", began_at))
    assert (row.check_at is None) == is_cleared


async def test_a_late_landing_of_what_was_rolled_back_is_not_taken_for_what_was_held() -> None:
    row, run = _leased(requested=_content(2000) | {"description": "new"}, revision=5)
    protocol.roll_back(row)
    metadata = {**SNAPSHOT.metadata, "revision": "5"}
    await _record(row, run, replace(SNAPSHOT, amount=2000, metadata=metadata, fields={"description": "new"}))
    assert row.applied is not None
    assert not content.agree(row.applied, row.requested | {"amount": 2000})

"""The service's transactions, made by the service's own code: `decide`, `record_answer`, `record_hint` and the rest.

Each function here is one transaction on the rows. What it leaves depends on nothing but its arguments, so each is
worked out once and remembered: the model takes millions of steps, and these are thousands.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import structlog

from app.db import queue
from app.errors import PaymentsError
from app.payment_intents import attach, commands, convergence, protocol, recording, recovery, service
from app.payment_intents.errors import CartHasPaymentIntent, Moved, PaymentIntentNotFound
from app.payment_intents.models import PaymentIntent
from app.stripe_gateway import ReplayedServerError
from app.stripe_gateway.errors import StripeRefused
from model import translation
from model.desk import AT_ONCE, SETTINGS, Convergence, Desk, Outcome, Undone, Work, now
from model.state import Rows, Run, Snapshot
from model.translation import When


@contextmanager
def silence() -> Iterator[None]:
    """Let the code log and enqueue nothing."""

    def drop(*_: object) -> Any:
        raise structlog.DropEvent

    async def enqueue(*_: object, **__: object) -> None: ...

    quiet = structlog.wrap_logger(None, processors=[drop])
    with patch.object(convergence, "log", quiet), patch.object(queue, "enqueue", enqueue):
        forget()
        yield
        forget()


def forget() -> None:
    """Forget what was worked out: the code may be another now."""
    for remembered in (
        declare,
        move_row,
        look,
        answered,
        refused,
        unclear,
        failed,
        is_content_with,
        told,
        let_go,
        hint,
    ):
        remembered.cache_clear()


@lru_cache(None)
def move_row(ours: Rows, run: Run, when: When = AT_ONCE) -> Outcome:
    """Give the session's row to the cart, unless a writer holds its lease; the run goes on at the cart."""
    desk = Desk(ours, when)
    try:
        is_moved = _hand_over(desk)
    except PaymentsError as error:
        return Outcome(ours, None, int(error.status))
    return Outcome(desk.read(), run._replace(kind="cart")) if is_moved else Outcome(ours, run)


@lru_cache(None)
def declare(ours: Rows, run: Run, when: When = AT_ONCE) -> Outcome:
    """Declare a run's wish and decide its first step, in one transaction."""

    def transaction(convergence: Convergence) -> protocol.Step:
        desk = convergence.desk
        try:
            door, newest = desk.door(run.kind), desk.newest(run.kind)
            if door.reference.moved_to is not None:
                raise Moved(cart_id=door.reference.moved_to)
            row, is_wanted = now(_wish(run, convergence._run, newest)(door, newest))
        except PaymentsError as error:
            raise Undone(error) from error
        if is_wanted:
            return convergence.begin(door, row)
        convergence.row = row
        return protocol.Done()

    return Work(ours, run, when).do(transaction)


def _wish(run: Run, running: protocol.Run, newest: PaymentIntent | None) -> convergence.Declare:
    meant = newest.id if newest else uuid.UUID(int=0)
    params = cast(Any, SimpleNamespace(previous_payment_intent=None, reason=None, amount=None))
    match run.name:
        case "PUT":
            assert run.wanted is not None
            return partial(
                service._request, params=params, wanted=translation.content_of(run.wanted), run=running, max_failed=1
            )
        case "EXPIRE":
            return partial(recovery._expire, meant=meant, settings=SETTINGS)
        case "SYNC":
            return service.ask
        case "JOB":
            return partial(recovery._settle, meant=meant, settings=SETTINGS)
        case "CANCEL":
            return partial(commands._close, meant=meant, params=params)
        case "CAPTURE":
            return partial(commands._capture, meant=meant, params=params)
        case _:
            return attach._newest


def _hand_over(desk: Desk) -> bool:
    """Do what `attach._moved` does, which locks both references by itself."""
    origin, row = desk.door("session"), desk.newest("session")
    if origin.reference.moved_to is not None:
        return True
    if row is None or row.closed_at is not None:
        raise PaymentIntentNotFound
    goal, occupant = desk.door("cart"), desk.newest("cart")
    if occupant is not None and occupant.closed_at is None:
        raise CartHasPaymentIntent
    if row.lease_until is not None and row.lease_until > origin.now:
        return False
    attach._hand_over(origin, goal, row, occupant)
    return True


@lru_cache(None)
def look(ours: Rows, run: Run, when: When = AT_ONCE) -> Outcome:
    """Look again after waiting."""
    return Work(ours, run, when).do(lambda convergence: now(convergence._look()))


@lru_cache(None)
def answered(ours: Rows, run: Run, snapshot: Snapshot | None, when: When = AT_ONCE) -> Outcome:
    """Record the answer to a run's call and decide again."""
    told = None if snapshot is None else translation.snapshot_of(snapshot)
    return Work(ours, run, when).do(lambda convergence: now(convergence._answered(translation.step_of(run), told)))


@lru_cache(None)
def refused(ours: Rows, run: Run, when: When = AT_ONCE) -> Outcome:
    """Take Stripe's definite "no"."""
    refusal = StripeRefused(stripe_code="amount_too_small")
    return Work(ours, run, when).do(lambda convergence: now(convergence._refused(translation.step_of(run), refusal)))


@lru_cache(None)
def unclear(ours: Rows, run: Run, when: When = AT_ONCE) -> Outcome:
    """Take a refusal that does not show what it speaks of."""
    return Work(ours, run, when).do(lambda convergence: now(convergence._unclear()))


@lru_cache(None)
def failed(ours: Rows, run: Run, when: When = AT_ONCE) -> Outcome:
    """Take what Stripe repeats from memory: a failure, for which something may have been done before."""

    def transaction(convergence: Convergence) -> protocol.Step:
        if convergence._has_searched_all():
            return now(convergence._give_up(ReplayedServerError()))
        return now(convergence._unclear())

    return Work(ours, run, when).do(transaction)


@lru_cache(None)
def is_content_with(ours: Rows, run: Run, number: int) -> bool:
    """Tell whether one who waits takes what another who waited has just found settled."""
    desk = Desk(ours, AT_ONCE)
    convergence = Convergence(desk, translation.run_of(run), run.kind, run.about)
    return convergence._is_content_with(desk.rows[number])


@lru_cache(None)
def told(ours: Rows, run: Run, number: int) -> Outcome:
    """Answer a run with a row as it is."""

    def transaction(convergence: Convergence) -> protocol.Step:
        convergence.row = convergence.desk.rows[number]
        return protocol.Done()

    return Work(ours, run, AT_ONCE).do(transaction)


@lru_cache(None)
def let_go(ours: Rows, run: Run, *, is_in_doubt: bool) -> Outcome:
    """End a run whose call had an unknown outcome, or that has no time left."""

    def transaction(convergence: Convergence) -> protocol.Step:
        now(convergence._let_go(is_in_doubt=is_in_doubt))
        return protocol.GiveUp()

    return Work(ours, run, AT_ONCE).do(transaction)


@lru_cache(None)
def hint(ours: Rows, number: int, snapshot: Snapshot) -> Rows:
    """Take in a webhook about a row."""
    desk = Desk(ours, AT_ONCE)
    row = desk.rows[number]
    now(recording.record_hint(desk.door(row.reference_kind), row, translation.snapshot_of(snapshot)))
    return desk.read()

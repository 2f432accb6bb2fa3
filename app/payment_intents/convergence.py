"""Bring Stripe to what was requested: read, decide, compare and set, call Stripe, record; one writer at a time.

Nothing is open while Stripe works or while another writer holds the lease: no transaction, no lock, no connection.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import structlog
from uuid_utils.compat import uuid4, uuid7

from app.db.engine import Connection
from app.db.single_flight import Flight
from app.errors import PaymentsError
from app.payment_intents import repository
from app.payment_intents.errors import REJECTIONS, SyncPending
from app.payment_intents.protocol.commands import Command, decide
from app.payment_intents.protocol.decide import Decision, decide_again, is_answered_by
from app.payment_intents.protocol.record import give_up, record_answer
from app.payment_intents.protocol.state import Actor, Context, PaymentIntentState, ReferenceState
from app.payment_intents.protocol.steps import Answered, Call, ConvergeRun, Done, Fail, GiveUp, Rejected, Step, Wait
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.repository import Read
from app.payment_intents.stripe_calls import answer_of
from app.resources import Resources

log = structlog.get_logger()

# A waiter looks again after so long, then ever later: most calls take Stripe a few hundred milliseconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.25

# Who lost a compare-and-set reads again after up to so long, at random.
RACE_PAUSE = 0.01


class Converged(NamedTuple):
    """The reference's newest PaymentIntent as the run left it, and what the run learnt."""

    row: PaymentIntentState
    run: ConvergeRun


def context_at(resources: Resources, read: Read) -> Context:
    """Return what a decision at the time of a read may look at."""
    return Context(resources.settings.protocol, read.now, uuid7(), uuid4())


def new_run(*, wants_secret: bool = False) -> ConvergeRun:
    return ConvergeRun(uuid4(), wants_secret=wants_secret)


async def converge(
    resources: Resources, reference: Reference, command: Command, actor: Actor, *, wants_secret: bool = False
) -> Converged:
    """Commit a command's desired state and bring Stripe to it.

    Raises what the command's rejection means, SyncPending (too many calls, or others held the lease too long),
    StripeRefused (this run's own request) or StripeUnavailable (unknown; the request stands).
    """
    convergence = Convergence(resources, reference, new_run(wants_secret=wants_secret), actor)
    row = await convergence.run(command)
    return Converged(row, convergence.learnt)


class Convergence:
    """One run on one reference."""

    def __init__(self, resources: Resources, reference: Reference, run: ConvergeRun, actor: Actor) -> None:
        self._resources = resources
        self._reference = reference
        self._actor = actor
        self._config = resources.settings.protocol
        self._began = self._read_at = self._committed_at = time.monotonic()
        self._pause = FIRST_PAUSE
        self._read: Read | None = None
        self._answered: str | None = None
        self._error: PaymentsError | None = None
        self._result: PaymentIntentState
        self.learnt = run

    async def run(self, command: Command) -> PaymentIntentState:
        """Do the command and all that follows; return the reference's newest PaymentIntent, as it is then."""
        async with self._queued(self._flight().admission):
            step = await self._commit(lambda state, context: decide(state, command, self.learnt, context, self._actor))
        while not isinstance(step, Done):
            if isinstance(step, Rejected):
                raise REJECTIONS[step.reason](**step.facts)
            if isinstance(step, GiveUp | Fail):
                raise self._error if isinstance(step, Fail) and self._error else SyncPending
            if self._seconds_left() <= 0:
                await self._commit(lambda state, context: give_up(state, self.learnt, context, self._actor))
                raise SyncPending
            step = await self._execute(step)
        return self._result

    async def _execute(self, step: Call | Wait) -> Step:
        if isinstance(step, Wait):
            return await self._wait()
        if time.monotonic() - self._committed_at > self._config.send_within.total_seconds():
            return await self._look_again()
        answer, error = await answer_of(self._resources, step)
        self._error = error or self._error
        actor = self._actor
        if isinstance(answer, Answered):
            self._answered = answer.snapshot.id
            actor = actor.with_request(answer.snapshot.request_id)
            log.info("payment_intent.recorded", stripe_id=answer.snapshot.id, status=answer.snapshot.status)
        return await self._commit(
            lambda state, context: record_answer(state, self.learnt, step, answer, context, actor)
        )

    async def _commit(self, make_decision: Callable[[ReferenceState, Context], Decision]) -> Step:
        """Decide and write the decision, again and again until nobody else was faster."""
        while True:
            async with self._resources.database.connection() as connection:
                read = await self._current(connection)
                decision = make_decision(read.state, self._context(read))
                if decision.change.is_empty or await repository.write(connection, decision.change):
                    self._remember(read, decision)
                    return decision.step
            self._read = None
            if self._seconds_left() <= 0:
                raise SyncPending
            await asyncio.sleep(random.uniform(0, RACE_PAUSE))  # noqa: S311 - no secret

    def _remember(self, read: Read, decision: Decision) -> None:
        """Keep the state as it was written: until somebody else writes, it is the present one."""
        self.learnt, self._committed_at = decision.run, time.monotonic()
        state = decision.change.state
        if not decision.change.is_empty:
            state = state._replace(version=state.version + 1)
        self._read = replace(read, state=state)
        if (row := state.get(decision.run.about)) is not None:
            self._result = row

    async def _current(self, connection: Connection) -> Read:
        """Return the state as it was last read or written, with what the run's last call was about."""
        if self._read is None:
            is_first, threshold = self.learnt.about is None, self._config.max_failed_attempts
            read = await repository.read(connection, self._reference, threshold=threshold)
            if read.state.moved_to is not None and not is_first:
                raise SyncPending  # with what this run asked for; sent again, it is told where to
            self._read_at = time.monotonic()
            self._read = await self._with_called(connection, read)
        return self._read

    async def _with_called(self, connection: Connection, read: Read) -> Read:
        """Add the PaymentIntent that the last call was about, if a newer one has been opened since."""
        about = self.learnt.about
        if about is None or read.state.get(about) is not None:
            return read
        called = await repository.get(connection, about)
        rows = (called, *read.state.payment_intents)
        return replace(read, state=read.state._replace(payment_intents=rows))

    def _context(self, read: Read) -> Context:
        elapsed = timedelta(seconds=time.monotonic() - self._read_at)
        known = self._known_secrets(row.object_id for row in read.state.payment_intents)
        return Context(self._config, read.now + elapsed, uuid7(), uuid4(), known)

    def _known_secrets(self, object_ids: Iterable[str | None]) -> frozenset[str]:
        """Return which of these, and of what Stripe answered last, this process has the client secret of."""
        asked = {*object_ids, self._answered}
        return frozenset(each for each in asked if each is not None and self._resources.stripe.client_secret(each))

    def _seconds_left(self) -> float:
        """Return how many seconds are left before this run gives up."""
        return self._began + self._resources.settings.converge_deadline.total_seconds() - time.monotonic()

    def _flight(self) -> Flight:
        return self._resources.single_flight.of(self._reference)

    async def _wait(self) -> Step:
        """Wait without a connection until the other writer is done.

        Of those in this process one polls at a time. What it finds finished is the answer of all whose request it
        holds; they had committed theirs before it looked.
        """
        flight = self._flight()
        asked_at = time.monotonic()
        async with self._queued(flight.polling):
            if flight.polled_at > asked_at and self._is_answered_by(flight.last_result):
                self._result = flight.last_result
                return Done()
            if flight.last_result is None:
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
            flight.polled_at, flight.last_result = time.monotonic(), None
            step = await self._look_again()
            flight.last_result = self._result if isinstance(step, Done) else None
            return step

    def _is_answered_by(self, row: PaymentIntentState | None) -> bool:
        return row is not None and is_answered_by(row, self.learnt, self._known_secrets([row.object_id]))

    async def _look_again(self) -> Step:
        """Read anew and decide."""
        self._read = None
        return await self._commit(lambda state, context: decide_again(state, self.learnt, context, self._actor))

    @asynccontextmanager
    async def _queued(self, lock: asyncio.Lock) -> AsyncIterator[None]:
        """Wait for others of this process. Raises SyncPending at the deadline."""
        try:
            async with asyncio.timeout(self._seconds_left()):
                await lock.acquire()
        except TimeoutError:
            raise SyncPending from None
        try:
            yield
        finally:
            lock.release()

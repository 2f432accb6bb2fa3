"""Bring Stripe to what was requested: perform the protocol's steps, one writer at a time.

Each look is one short transaction that locks the reference first; no transaction and no connection is held
while Stripe works or while another writer holds the lease.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Never

import structlog

from app.errors import Unavailable
from app.payment_intents import content, recording, repository
from app.payment_intents.errors import Moved, PaymentIntentNotFound, SyncPending
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import (
    Call,
    Cancel,
    Capture,
    Create,
    Done,
    Find,
    GiveUp,
    Retrieve,
    Rules,
    Run,
    Step,
    Update,
    Wait,
    decide,
    doubt,
    release,
    roll_back,
)
from app.payment_intents.recording import Door
from app.references.models import Reference
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import (
    IdempotencyKeyConflict,
    PaymentIntentSnapshot,
    ReplayedServerError,
    StripeGateway,
    UnexpectedState,
)
from app.stripe_gateway.errors import StripeNotReached, StripeRefused

log = structlog.get_logger()

# A waiter looks again after so long, then ever later: most calls take Stripe a few hundred milliseconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.25


def rules_of(settings: Settings) -> Rules:
    """Say what the settings mean for a run. A request that was given up may still live in the network a while."""
    return Rules(
        instance=settings.instance,
        lease=settings.lease_duration,
        send_within=settings.lease_slack / 2,
        patience=settings.converge_deadline + settings.lease_slack,
        longest_request=settings.lease_duration + timedelta(seconds=30),
    )


Declare = Callable[[Door, PaymentIntent | None], Awaitable[tuple[PaymentIntent, bool]]]


async def converge(resources: Resources, reference: Reference, run: Run, declare: Declare) -> PaymentIntent:
    """Commit a wish under the reference's lock and bring Stripe to it; give the newest row as it is then.

    `declare` writes the wish into the row, or raises what forbids it, and tells whether anything is to be done.

    Raises SyncPending (too many calls, or others held the lease too long), StripeRefused (this run's own
    request) or StripeUnavailable (unknown; the wish stands).
    """
    convergence = Convergence(resources, reference, run)
    turn = resources.turns.of(reference)
    async with convergence.in_line(turn.entry), resources.sessions.begin() as session:
        door, newest = await recording.open_door(session, reference, run.actor, resources.settings.instance)
        if door.reference.moved_to is not None:
            raise Moved(cart_id=door.reference.moved_to)
        row, is_wanted = await declare(door, newest)
        step = convergence.begin(door, row) if is_wanted else Done()
    return await convergence.finish(step) if is_wanted else row


class Convergence:
    """One run on one reference; `row` is the reference's newest as of the last look."""

    def __init__(self, resources: Resources, reference: Reference, run: Run) -> None:
        self._resources = resources
        self._reference = reference
        self._run = run
        self._rules = rules_of(resources.settings)
        self._began = self._looked = time.monotonic()
        self._pause = FIRST_PAUSE
        self.row: PaymentIntent

    def begin(self, door: Door, row: PaymentIntent) -> Step:
        """Decide the next step under the lock; a PUT that finds the row closed opens the next with its request."""
        if row.closed_at is not None and self._run.is_put:
            if _is_given_up(row) and row.revision != self._run.revision:
                return GiveUp()  # the newest request is another's and was refused; this one may be sent again
            row = recording.open_next(door, requested=row.requested, revision=row.revision, previous_id=row.previous_id)
            self._run.must_search = self._run.has_searched = False  # that was for the one before
        self.row = row
        return decide(row, self._run, self._rules, now=door.now, is_secret_known=self._knows_secret_of(row))

    async def finish(self, step: Step) -> PaymentIntent:
        """Perform this step and all that follow; give the reference's newest row, as it is then."""
        while not isinstance(step, Done):
            if isinstance(step, GiveUp):
                raise SyncPending
            if self._left() <= 0:
                await self._let_go(is_in_doubt=False)
                raise SyncPending
            step = await self._after(step)
        return self.row

    async def _after(self, step: Call | Wait) -> Step:
        if isinstance(step, Wait):
            return await self._wait()
        if time.monotonic() - self._looked > self._rules.send_within.total_seconds():
            return await self._look()
        try:
            snapshot = await perform(self._resources.stripe, step)
        except UnexpectedState as refusal:
            snapshot = refusal.snapshot
            if snapshot is None:
                return await self._unclear()
        except (IdempotencyKeyConflict, ReplayedServerError) as failure:
            if isinstance(step, Create) and isinstance(failure, ReplayedServerError) and self._has_searched_all():
                await self._give_up(failure)
            return await self._unclear()
        except StripeRefused as refusal:
            return await self._refused(step, refusal)
        except Unavailable as error:
            await self._let_go(is_in_doubt=not isinstance(error, StripeNotReached))
            raise
        return await self._answered(step, snapshot)

    def _left(self) -> float:
        """Give how many seconds are left before this run gives up."""
        return self._began + self._resources.settings.converge_deadline.total_seconds() - time.monotonic()

    async def _wait(self) -> Step:
        """Wait without a connection until the other writer is done.

        Of those in this process one looks at a time. What it finds settled is the answer of all whose request it
        holds; they had committed theirs before it looked.
        """
        turn = self._resources.turns.of(self._reference)
        asked_at = time.monotonic()
        async with self.in_line(turn.lock):
            if turn.settled is not None and turn.looked_at > asked_at and self._is_content_with(turn.settled):
                self.row = turn.settled
                return Done()
            if turn.settled is None:
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
            turn.looked_at, turn.settled = time.monotonic(), None
            step = await self._look()
            turn.settled = self.row if isinstance(step, Done) else None
            return step

    @asynccontextmanager
    async def in_line(self, lock: asyncio.Lock) -> AsyncIterator[None]:
        """Wait for others of this process. Raises SyncPending at the deadline."""
        try:
            async with asyncio.timeout(self._left()):
                await lock.acquire()
        except TimeoutError:
            raise SyncPending from None
        self._looked = time.monotonic()
        try:
            yield
        finally:
            lock.release()

    def _is_content_with(self, row: PaymentIntent) -> bool:
        """Whether a look at this row would find nothing to do, and this run's request in it."""
        is_known = not self._run.wants_secret or self._knows_secret_of(row)
        is_newer = self._run.revision is None or row.revision >= self._run.revision
        return row.is_payable and row.is_synced and row.check_at is None and is_newer and is_known

    def _knows_secret_of(self, row: PaymentIntent) -> bool:
        return row.stripe_id is not None and self._resources.stripe.client_secret(row.stripe_id) is not None

    async def _look(self) -> Step:
        async with self._open() as (door, newest, _):
            return self.begin(door, newest)

    async def _answered(self, step: Call, snapshot: PaymentIntentSnapshot | None) -> Step:
        async with self._open(snapshot.request_id if snapshot else None) as (door, newest, called):
            if snapshot is None:
                self._run.has_searched = True
            else:
                is_first = called.applied is None
                await recording.record_answer(door, called, self._run, self._rules, snapshot, call=step)
                self._run.is_first |= is_first and called.applied is not None
                log.info("payment_intent.recorded", stripe_id=snapshot.id, status=snapshot.status)
            return self.begin(door, newest)

    async def _unclear(self) -> Step:
        """Look for what an answer speaks of and does not show: the PaymentIntent's state, or what its key made."""
        self._run.must_search, self._run.has_searched = True, False
        async with self._open() as (door, newest, called):
            called.needs_sync = True
            return self.begin(door, newest)

    def _has_searched_all(self) -> bool:
        return self._run.must_search and self._run.has_searched

    async def _give_up(self, failure: ReplayedServerError) -> Never:
        """End a creation that Stripe made nothing of and, since it keeps saying so from memory, never will."""
        async with self._open() as (door, _, called):
            if called.lease_token == self._run.token:
                recording.give_up(door, called)
        raise failure

    async def _refused(self, step: Call, refusal: StripeRefused) -> Step:
        """Take Stripe's definite "no": close what could not be created, give up what could not be applied."""
        async with self._open() as (door, newest, called):
            if called.lease_token != self._run.token:
                return self.begin(door, newest)
            release(called)
            match step:
                case Create() if recording.refuse(door, called, refusal) not in {None, self._run.revision}:
                    return self.begin(door, newest)
                case Update() if self._run.sent and called.revision != self._run.sent["revision"]:
                    return self.begin(door, newest)
                case Update() if not self._run.may_roll_back(called, self._rules, door.now):
                    return Done()  # its own caller waits for the lease, tries it, and is told
                case Update():
                    roll_back(called)
                case Cancel():
                    called.is_closing = False
                case Capture():
                    called.capture_amount = None
        raise refusal

    async def _let_go(self, *, is_in_doubt: bool) -> None:
        """Release the lease; in doubt, leave the trace that a request may still be on its way."""
        async with self._open() as (door, _, called):
            if called.lease_token == self._run.token:
                release(called)
                if is_in_doubt:
                    doubt(called, self._rules, door.now)

    @asynccontextmanager
    async def _open(self, request_id: str | None = None) -> AsyncIterator[tuple[Door, PaymentIntent, PaymentIntent]]:
        """Lock the reference; give the way in, the newest row and the one that the last call was about."""
        self._looked = time.monotonic()
        async with self._resources.sessions.begin() as session:
            actor = self._run.actor.because_of(request_id)
            door, newest = await recording.open_door(session, self._reference, actor, self._rules.instance)
            if door.reference.moved_to is not None:
                raise SyncPending  # with what this run asked for; sent again, it is told where to
            if newest is None:
                raise PaymentIntentNotFound
            called = newest if newest.id == self.row.id else await repository.get(session, self.row.id)
            yield door, newest, called


def _is_given_up(row: PaymentIntent) -> bool:
    """Tell whether Stripe did not make the very request that is still the newest."""
    return row.is_unmade and content.opened_with(row.opening)["revision"] == row.revision


async def perform(stripe: StripeGateway, step: Call) -> PaymentIntentSnapshot | None:
    """Make the step's call to Stripe; only Find may find nothing."""
    match step:
        case Create(opening, key):
            return await stripe.create_payment_intent(opening, key=key)
        case Find(metadata, created_after, created_before):
            return await stripe.find_payment_intent(
                metadata=metadata, created_after=created_after, created_before=created_before
            )
        case Retrieve(stripe_id):
            return await stripe.retrieve_payment_intent(stripe_id)
        case Update(stripe_id, params, key):
            return await stripe.update_payment_intent(stripe_id, params, key=key)
        case Cancel(stripe_id, reason, key):
            return await stripe.cancel_payment_intent(stripe_id, reason=reason, key=key)
        case Capture(stripe_id, amount, key):
            return await stripe.capture_payment_intent(stripe_id, amount=amount, key=key)

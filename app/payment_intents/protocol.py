"""CONVERGE of the protocol: what the holder of a row's lease does next. Pure: no database, no Stripe.

`decide` looks at the row, under its lock, and gives one step; the caller commits, performs the step, records
the answer and decides again, until it is done. Whoever differs from this must change the model too
(docs/protocol.md).
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain_events.repository import Actor
from app.payment_intents import content
from app.payment_intents.content import Marks
from app.payment_intents.models import PaymentIntent

# One run makes at most so many calls: a create, a sync, an update, a cancel, each perhaps once more. One that meets a
# newer request each time leaves the next call to whoever made it.
MAX_CALLS = 6

# Stripe forgets a key after 24 h or more, and would then create a second PaymentIntent under it.
KEY_IS_SAFE_FOR = timedelta(hours=20)

# Our clock and Stripe's may differ by so much when a creation time is compared.
CLOCK_SKEW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about one run.

    A call is sent only `send_within` of its step's commit: later, the lease might not outlast it. A PUT waits for
    `patience`; whoever made an older request that still stands is gone.
    """

    instance: str
    lease: timedelta
    send_within: timedelta
    patience: timedelta
    longest_request: timedelta


@dataclass(slots=True)
class Run:
    """One writer's attempt to bring Stripe to what was requested, and what it has learnt so far.

    `revision` is a PUT's own; jobs have none. `version` is the row's at the last look under the lock.
    `sent` is the content of the last update with its revision; `is_first` says that nobody had an answer about this
    PaymentIntent before.
    """

    actor: Actor
    revision: int | None = None
    wants_secret: bool = False
    token: uuid.UUID = field(default_factory=uuid.uuid4)
    calls: int = 0
    version: int = 0
    is_fresh: bool = False
    must_search: bool = False
    has_searched: bool = False
    is_first: bool = False
    sent: dict[str, Any] | None = None

    @property
    def is_put(self) -> bool:
        return self.revision is not None

    def may_roll_back(self, row: PaymentIntent, rules: Rules, now: datetime) -> bool:
        """Whether the newest request is this run's to give up: its own, or nobody waits for it any more."""
        return self.revision == row.revision or row.touched_at < now - rules.patience


@dataclass(frozen=True, slots=True)
class Wait:
    """Another writer holds the lease."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do, or nothing may be done."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Too many calls and still no agreement."""


@dataclass(frozen=True, slots=True)
class Create:
    """Create it; the key finds the first one when this was sent before."""

    opening: dict[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Find:
    """Look for it at Stripe by our marks: the key may be forgotten."""

    metadata: dict[str, str]
    created_after: datetime
    created_before: datetime | None


@dataclass(frozen=True, slots=True)
class Retrieve:
    """Ask Stripe how it stands."""

    stripe_id: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Update:
    """Send what differs. The random key serves the repeats of this one call alone."""

    stripe_id: str
    params: dict[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel it."""

    stripe_id: str
    reason: str | None
    key: str


@dataclass(frozen=True, slots=True)
class Capture:
    """Take the money that is held, or a part of it."""

    stripe_id: str
    amount: int
    key: str


Call = Create | Find | Retrieve | Update | Cancel | Capture
Step = Wait | Done | GiveUp | Call


def decide(row: PaymentIntent, run: Run, rules: Rules, *, now: datetime, is_secret_known: bool = True) -> Step:
    """Take the lease, or find it taken, and say what comes next. Changes the row, which the caller has locked."""
    if row.lease_token not in (None, run.token):
        if row.lease_until is not None and row.lease_until > now:
            run.is_fresh = False  # what this run learnt is older than what the other one does
            return Wait()
        doubt(row, rules, now)
    if not row.is_open:
        return _done(row)
    if run.calls == MAX_CALLS:
        release(row)
        return _hand_on(row, run)
    row.lease_token, row.lease_until = run.token, now + rules.lease
    run.version = row.version
    step = _next(row, run, rules, now, is_secret_known=is_secret_known)
    if isinstance(step, Done):
        return _done(row)
    run.calls += 1
    return step


def _hand_on(row: PaymentIntent, run: Run) -> Step:
    """Leave the rest to whoever made a newer request, and wait for that; without one, give up."""
    is_checked = row.check_at is None or run.is_fresh
    is_wished_for = row.is_closing or (row.capture_amount is not None and row.status == "requires_capture")
    if row.is_synced and is_checked and not is_wished_for:
        return Done()
    return Wait() if run.revision is not None and run.revision < row.revision else GiveUp()


def doubt(row: PaymentIntent, rules: Rules, now: datetime) -> None:
    """Note that a request may still be on its way to Stripe, now and for as long as a request can live."""
    row.needs_sync = True
    row.check_at = now + rules.longest_request


def release(row: PaymentIntent) -> None:
    row.lease_token = row.lease_until = None


def _done(row: PaymentIntent) -> Done:
    release(row)
    return Done()


def _next(row: PaymentIntent, run: Run, rules: Rules, now: datetime, *, is_secret_known: bool) -> Call | Done:
    marks = Marks(rules.instance, row.id, row.reference)
    if row.stripe_id is None:
        return _birth(row, run, marks, now)
    if row.is_closing and row.status == "processing":
        row.is_closing = False
    if row.is_closing:
        return _cancel(row, row.stripe_id)
    if row.needs_sync or row.applied is None or (row.check_at is not None and not run.is_fresh):
        return Retrieve(row.stripe_id, now)
    if row.capture_amount is not None and row.status == "requires_capture":
        return Capture(row.stripe_id, row.capture_amount, f"payment_intent:{row.id}:capture:{uuid.uuid4()}")
    if row.is_frozen:
        if run.revision == row.revision:  # its caller is told so; any other request may have been accepted, and stands
            roll_back(row)
        return Done()
    if not content.agree(row.applied, row.requested):
        return _change(row, row.stripe_id, row.applied, run, marks)
    return Retrieve(row.stripe_id, now) if run.wants_secret and not is_secret_known else Done()


def _birth(row: PaymentIntent, run: Run, marks: Marks, now: datetime) -> Call:
    known_since = now - KEY_IS_SAFE_FOR  # what was created later, its key finds: the create call gives it again
    if not run.has_searched and (run.must_search or row.created_at < known_since):
        until = None if run.must_search else known_since + CLOCK_SKEW
        return Find(marks.ours(), row.created_at - CLOCK_SKEW, until)
    return Create(row.opening, f"payment_intent:{row.id}:create")


def _change(row: PaymentIntent, stripe_id: str, applied: dict[str, Any], run: Run, marks: Marks) -> Call:
    if row.status == "requires_action" and not content.same_price(applied, row.requested):
        row.is_closing = True  # what the shopper is authenticating must not change under them
        return _cancel(row, stripe_id)
    run.sent = row.requested | {"revision": row.revision}
    if row.check_at is not None:  # an older request may land first
        applied = _without_what_is_said_again(applied, row)
    params = content.update_parameters(applied, row.requested, row.revision, marks)
    return Update(stripe_id, params, f"payment_intent:{row.id}:update:{uuid.uuid4()}")


def _without_what_is_said_again(applied: dict[str, Any], row: PaymentIntent) -> dict[str, Any]:
    """Forget what Stripe holds of all that is asked for, so that an update says it again.

    What is to be unset is not said unless it is known to be set: Stripe may refuse that. Nor is the price of what the
    shopper is authenticating.
    """
    kept = {"metadata", "amount", "currency"} if row.status == "requires_action" else {"metadata"}
    return {name: value for name, value in applied.items() if name in kept or row.requested.get(name) is None}


def _cancel(row: PaymentIntent, stripe_id: str) -> Cancel:
    return Cancel(stripe_id, row.closing_reason, f"payment_intent:{row.id}:cancel:{uuid.uuid4()}")


def roll_back(row: PaymentIntent) -> None:
    """Return the request to what Stripe holds, so that a refused one is not tried for ever.

    That is a revision of its own: the one that is given up may still land, and must not be taken for this one.
    """
    applied = row.applied or {}
    held = {name: applied.get(name, value) for name, value in row.requested.items()}
    if held != row.requested:
        row.requested, row.revision, row.is_rolled_back = held, row.revision + 1, True

"""The protocol's own steps on the model's references: begin, look again, record, give up, attach, take a webhook.

What a step leaves depends on nothing but its arguments, so each is worked out once and remembered: the model takes
millions of steps, and these are thousands. Afterwards times and counters that only grow are set back to few values, so
that there is an end to the states.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeVar
from uuid import UUID

from app.payment_intents.protocol import attach, closed, commands, decide, record
from app.payment_intents.protocol.adopt import adopt as adopt_missing
from app.payment_intents.protocol.attach import SessionToCart
from app.payment_intents.protocol.decide import Decision
from app.payment_intents.protocol.state import (
    Actor,
    Change,
    Context,
    PaymentIntentState,
    ProtocolConfig,
    ReferenceState,
)
from app.payment_intents.protocol.steps import (
    Answer,
    Call,
    CancelCall,
    ConvergeRun,
    FindCall,
    GiveUp,
    Rejected,
    RetrieveCall,
    Step,
)
from app.payment_intents.protocol.terms import Kind, PaymentTerms, Reference, metadata_in
from model.state import NOW, Intent, Interned, Ours, forget_interned, intern

F = TypeVar("F", bound=Callable[..., object])

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CONFIG = ProtocolConfig(
    "model", lease=2 * MINUTE, send_within=MINUTE, longest_wait=3 * MINUTE, longest_request=10 * MINUTE
)

# When a step happens: each of these is later than what the ones before it say, too.
A_MINUTE_LATER = NOW + MINUTE  # a PUT that changes nothing counts as activity again
LEASE_OVER = NOW + CONFIG.lease  # a lease that is found has run out
OWNER_GONE = NOW + CONFIG.longest_wait + MINUTE  # whoever made the newest request is gone
NOTHING_LATE = NOW + CONFIG.longest_request  # no request can be on its way any more
SILENT = NOW + CONFIG.silent_after + MINUTE  # nothing was heard for so long that the sweep asks about money under way
LONG_SILENT = NOW + CONFIG.abandoned_after + MINUTE  # and about any open one

# Of what happened before, no more is known than this.
ABANDONED = NOW - CONFIG.abandoned_after - 2 * HOUR
KEY_FORGOTTEN = NOW - 21 * HOUR

# More rows than these are not opened before a restore.
AFTER_RESTORE = 5

ACTOR = Actor("model")
SECRETS = frozenset(f"{kind}_{number}" for kind in ("pi", "cs") for number in range(9))
EMPTY = Ours(ReferenceState(Reference("cart", "c1")), ReferenceState(Reference("session", "s1")))


class Outcome(NamedTuple):
    """What a step leaves: our references, the run, what it does next, and the PaymentIntent that it was about."""

    ours: Interned[Ours]
    run: Interned[ConvergeRun]
    step: Step
    call: Interned[Call] | None
    row: PaymentIntentState | None


_caches: list[Callable[[], None]] = [forget_interned]


def remembered(function: F) -> F:
    """Work out each result once, until all is forgotten."""
    cached = lru_cache(None)(function)
    _caches.append(cached.cache_clear)
    return cached  # type: ignore[return-value] # called as the function is


def forget() -> None:
    """Forget what was worked out: a test may have changed a rule."""
    for clear in _caches:
        clear()


def new_run(number: int, *, is_put: bool) -> Interned[ConvergeRun]:
    return intern(ConvergeRun(UUID(int=number), wants_secret=is_put))


@remembered
def begin(
    ours: Interned[Ours],
    kind: Kind,
    name: str,
    wanted: Interned[PaymentTerms] | None,
    run: Interned[ConvergeRun],
    now: datetime,
) -> Outcome:
    """Write what is asked for, and decide the first step."""
    state = ours.value.of(kind)
    command = _command(name, state, wanted)
    return _outcome(ours, kind, commands.decide(state, command, run.value, _context(ours, now), ACTOR))


def _command(name: str, state: ReferenceState, wanted: Interned[PaymentTerms] | None) -> commands.Command:
    if name == "PUT":
        assert wanted is not None
        return commands.PutTerms(wanted.value)
    target = state.newest.id if state.newest else UUID(int=0)
    others: dict[str, commands.Command] = {
        "EXPIRE": commands.Expire(target),
        "SYNC": commands.Refresh(),
        "JOB": commands.Recover(target),
        "CANCEL": commands.Cancel(target),
        "CAPTURE": commands.Capture(target),
        "ATTACH": commands.Resume(),
    }
    return others[name]


@remembered
def look_again(ours: Interned[Ours], kind: Kind, run: Interned[ConvergeRun], now: datetime) -> Outcome:
    """Look again after waiting."""
    return _go_on(ours, kind, run, lambda state: decide.decide_again(state, run.value, _context(ours, now), ACTOR))


@remembered
def record_answer(
    ours: Interned[Ours],
    kind: Kind,
    run: Interned[ConvergeRun],
    call: Interned[Call],
    answer: Interned[Answer],
    now: datetime,
) -> Outcome:
    """Record how a call ended, and decide the next step. What was retrieved is recorded at once."""
    made = call.value
    made = replace(made, began_at=now) if isinstance(made, RetrieveCall) else made
    context = _context(ours, now)
    return _go_on(
        ours, kind, run, lambda state: record.record_answer(state, run.value, made, answer.value, context, ACTOR)
    )


@remembered
def give_up(ours: Interned[Ours], kind: Kind, run: Interned[ConvergeRun]) -> Outcome:
    """End a run that has no time left."""
    return _go_on(ours, kind, run, lambda state: record.give_up(state, run.value, _context(ours, NOW), ACTOR))


@remembered
def attach_to_cart(ours: Interned[Ours], now: datetime) -> Interned[Ours] | Step:
    """Make the session's PaymentIntent the cart's, or return why not."""
    session, cart = ours.value.session, ours.value.cart
    attachment = attach.attach(session, cart, _context(ours, now), ACTOR)
    if isinstance(attachment, SessionToCart):
        return intern(_canonical(ours.value._replace(cart=attachment.cart.state, session=attachment.session.state)))
    return attachment


@remembered
def take_webhook(ours: Interned[Ours], webhook: Interned[Intent]) -> Interned[Ours]:
    """Record a webhook in the row with Stripe's id, or with ours if that has none yet."""
    shown = webhook.value
    row = ours.value.at_stripe(shown.id) or ours.value.get(shown.row)
    known = None if row is None else row.stripe_id if shown.checkout is None else row.checkout_id
    if row is None or known not in (None, shown.id):
        return ours
    change = Change(ours.value.of(row.reference.kind), _context(ours, NOW), ACTOR)
    record.record_hint(change, row, shown)
    return _replaced(ours, row.reference.kind, change.state)


@remembered
def is_answered_by(ours: Interned[Ours], kind: Kind, run: Interned[ConvergeRun]) -> bool:
    """Whether one who waits takes what another who waited has just found agreed."""
    row = ours.value.of(kind).newest
    return row is not None and decide.is_answered_by(row, run.value, SECRETS)


@remembered
def age(ours: Interned[Ours]) -> Interned[Ours]:
    """Let a day pass since all was created."""
    return _with_rows(ours.value, lambda row: row._replace(created_at=KEY_FORGOTTEN))


@remembered
def abandon(ours: Interned[Ours]) -> Interned[Ours]:
    """Let a day pass since anybody touched anything."""
    return _with_rows(ours.value, lambda row: row._replace(last_activity_at=ABANDONED))


@remembered
def restore(backup: Interned[Ours]) -> Interned[Ours]:
    """Go back to a backup; what is opened from then on has other ids than what was."""
    return intern(backup.value._replace(first_id=AFTER_RESTORE))


@remembered
def adopt(ours: Interned[Ours], missing: Intent) -> Interned[Ours]:
    """Make the row again that is missing here."""
    marked = metadata_in(missing.metadata, CONFIG.instance)
    assert marked is not None
    kind = marked.reference.kind
    change = Change(ours.value.of(kind), _context(ours, NOW), ACTOR)
    adopt_missing(change, missing, marked)
    return _replaced(ours, kind, change.state)


@remembered
def next_of_closed(ours: Interned[Ours], now: datetime) -> tuple[PaymentIntentState, Interned[Call]] | None:
    """Return a closed row about which there is something to do, and the call."""
    for row in ours.value.rows:
        call = closed.next_call(row, _context(ours, now))
        if call is not None:
            return row, intern(_timeless(call))
    return None


@remembered
def record_closed(ours: Interned[Ours], call: Interned[Call], answer: Interned[Answer]) -> Interned[Ours]:
    """Record how the call about a closed row ended."""
    assert isinstance(call.value, CancelCall | RetrieveCall)
    row = ours.value.at_stripe(call.value.stripe_id)
    assert row is not None
    change = Change(ours.value.of(row.reference.kind), _context(ours, NOW), ACTOR)
    closed.record_answer(change, row, call.value, answer.value)
    return _replaced(ours, row.reference.kind, change.state)


def _with_rows(ours: Ours, change: Callable[[PaymentIntentState], PaymentIntentState]) -> Interned[Ours]:
    def changed(state: ReferenceState) -> ReferenceState:
        return state._replace(payment_intents=tuple(map(change, state.payment_intents)))

    return intern(ours._replace(cart=changed(ours.cart), session=changed(ours.session)))


def _context(ours: Interned[Ours], now: datetime) -> Context:
    new_id = UUID(int=ours.value.first_id + len(ours.value.rows))
    return Context(CONFIG, now, new_id, UUID(int=0), SECRETS)


def _go_on(
    ours: Interned[Ours], kind: Kind, run: Interned[ConvergeRun], decide_next: Callable[[ReferenceState], Decision]
) -> Outcome:
    """Decide what a run does next; it gives up when the session's PaymentIntent was attached to a cart meanwhile."""
    state = ours.value.of(kind)
    if state.moved_to is not None:
        return Outcome(ours, run, GiveUp(), None, None)
    return _outcome(ours, kind, decide_next(state))


def _outcome(ours: Interned[Ours], kind: Kind, decision: Decision) -> Outcome:
    state, run, step = decision.change.state, decision.run, decision.step
    if isinstance(step, Rejected):
        assert state is decision.change.before, "what is rejected changes nothing"
    call = intern(_timeless(step)) if isinstance(step, Call) else None
    after = _replaced(ours, kind, state, run)
    return Outcome(after, intern(run._replace(version=0, is_first=False)), step, call, state.get(run.about))


def _replaced(
    ours: Interned[Ours], kind: Kind, state: ReferenceState, run: ConvergeRun | None = None
) -> Interned[Ours]:
    known = ours.value
    after = known._replace(cart=state) if kind == "cart" else known._replace(session=state)
    return intern(_canonical(after, run))


def _canonical(ours: Ours, run: ConvergeRun | None = None) -> Ours:
    """Set back what only grows."""
    return ours._replace(cart=_canonical_reference(ours.cart, run), session=_canonical_reference(ours.session, run))


def _canonical_reference(state: ReferenceState, run: ConvergeRun | None) -> ReferenceState:
    rows = tuple(_canonical_row(row, run) for row in state.payment_intents)
    return state._replace(version=0, next_sequence=1, payment_intents=rows)


def _canonical_row(row: PaymentIntentState, run: ConvergeRun | None) -> PaymentIntentState:
    return row._replace(
        version=_canonical_version(row, run),
        lease_until=row.lease_until and LEASE_OVER,
        recheck_after=row.recheck_after and NOTHING_LATE,
        created_at=max(min(row.created_at, NOW), KEY_FORGOTTEN),
        last_activity_at=max(min(row.last_activity_at, NOW), ABANDONED),
        updated_at=NOW,
        refresh_requested_at=None,
        closed_at=row.closed_at and NOW,
    )


def _canonical_version(row: PaymentIntentState, run: ConvergeRun | None) -> int:
    """Return 0 if nothing was recorded since whoever holds the lease took it, else 1; a run remembers 0."""
    if row.lease_token is None:
        return 0
    if run is not None and row.lease_token == run.token:
        return int(row.version != run.version)
    return min(row.version, 1)


def _timeless(call: Call) -> Call:
    if isinstance(call, RetrieveCall):
        return replace(call, began_at=NOW)
    if isinstance(call, FindCall):
        return replace(call, created_after=NOW, created_before=None)
    return call

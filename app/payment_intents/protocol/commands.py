"""What callers, jobs and command lines ask for: each writes its desired state, then the next step is decided."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

from app.payment_intents.protocol.decide import Decision, next_step
from app.payment_intents.protocol.state import (
    Actor,
    Change,
    Context,
    PaymentIntentState,
    ReferenceState,
    blocked_for,
    expires_at,
    has_ended,
)
from app.payment_intents.protocol.steps import Confirmation, ConvergeRun, Done, Rejected
from app.payment_intents.protocol.terms import PaymentTerms

# A PUT that changes nothing counts as activity, but is written at most once in this time.
ACTIVITY_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PutTerms:
    """The reference owes this now; `previous_payment_intent` is the paid one that this is to follow.

    `expires_after` is how long nobody may act before it is abandoned; None is what the settings say.
    """

    terms: PaymentTerms
    previous_payment_intent: UUID | None = None
    expires_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody shall be able to pay it any more."""

    target_id: UUID
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """Take the money that is held: all of it, or `amount`."""

    target_id: UUID
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """Ask Stripe how it stands, unless a caller asked less than `again_after` ago."""

    again_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Recover:
    """Finish what a crash or an unknown outcome left behind; ask Stripe about what was silent for long."""

    target_id: UUID


@dataclass(frozen=True, slots=True)
class Expire:
    """Cancel it if it is still abandoned."""

    target_id: UUID


@dataclass(frozen=True, slots=True)
class Confirm:
    """Pay it with what the shopper entered, if it costs what they saw."""

    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class Resume:
    """Bring Stripe to what is requested already."""


Command: TypeAlias = PutTerms | Cancel | Capture | Refresh | Recover | Expire | Confirm | Resume


def decide(state: ReferenceState, command: Command, run: ConvergeRun, context: Context, actor: Actor) -> Decision:
    """Write a command's desired state, or reject it, and decide the run's first step."""
    change = Change(state, context, actor)
    if state.moved_to is not None:
        return Decision(change, run, Rejected("moved", {"cart_id": state.moved_to}))
    if isinstance(command, PutTerms):
        return _put(change, command, run)
    if state.newest is None:
        return Decision(change, run, Rejected("payment_intent_not_found"))
    if isinstance(command, Confirm):
        if rest := blocked_for(state, state.newest, context):
            return Decision(change, run, Rejected("too_many_failed_attempts", {"retry_after": rest.total_seconds()}))
        return next_step(change, state.newest, run._replace(confirmation=command.confirmation))
    outcome = _request(change, command, state.newest)
    if isinstance(outcome, Rejected):
        return Decision(change, run, outcome)
    row, is_to_converge = outcome
    if not is_to_converge:
        return Decision(change, run._replace(about=row.id), Done())
    return next_step(change, row, run)


Outcome: TypeAlias = tuple[PaymentIntentState, bool] | Rejected


def _request(change: Change, command: Command, row: PaymentIntentState) -> Outcome:
    """Write the desired state; return it with whether Stripe is to be brought to it."""
    match command:
        case Cancel():
            return _cancel(change, command, row)
        case Capture():
            return _capture(change, command, row)
        case Refresh():
            return _refresh(change, command, row)
        case Recover():
            return _recover(change, command, row)
        case Expire():
            return _expire(change, command, row)
        case _:
            return row, row.is_open


def _put(change: Change, command: PutTerms, run: ConvergeRun) -> Decision:
    row = change.state.newest
    rejected = _check_put(change, command, row)
    if rejected is not None:
        return Decision(change, run, rejected)
    if row is not None and is_answered_at_once(change.context, command, row):
        return Decision(change, run._replace(about=row.id), Done())
    run = run._replace(revision=row.revision + 1 if row else 1)
    if row is not None and row.is_open:
        run = run._replace(displaced=row.requested_terms.price)
        return next_step(change, _revise(change, row, command), run)
    return next_step(change, _open_for(change, command, row), run)


def _check_put(change: Change, command: PutTerms, row: PaymentIntentState | None) -> Rejected | None:
    if row is not None and (rest := blocked_for(change.state, row, change.context)):
        return Rejected("too_many_failed_attempts", {"retry_after": rest.total_seconds()})
    return _check_follows(row, command) or _check_cart_version(change.state, row, command)


def _check_cart_version(state: ReferenceState, row: PaymentIntentState | None, command: PutTerms) -> Rejected | None:
    """Reject a request about an older state of the cart than the recorded one. The next order counts anew."""
    wanted, newest = command.terms, state.newest_cart_version
    if newest is None or (row is not None and command.previous_payment_intent == row.id):
        return None
    if wanted.cart_version is None or wanted.cart_version < newest:
        return Rejected("stale_cart_version", {"recorded_cart_version": newest})
    recorded = row.requested_terms if row is not None and not row.is_unmade else None
    if recorded and wanted.cart_version == recorded.cart_version and wanted.price != recorded.price:
        facts = {"recorded_amount": recorded.amount, "recorded_currency": recorded.currency}
        return Rejected("cart_version_conflict", facts)
    return None


def _check_follows(row: PaymentIntentState | None, command: PutTerms) -> Rejected | None:
    """Reject a `previous_payment_intent` that is neither what the newest one follows nor the newest, paid."""
    previous = command.previous_payment_intent
    if previous is None or (row is not None and previous == row.previous_id):
        return None
    if row is not None and previous == row.id and row.status == "succeeded":
        return None
    if row is not None and _is_waiting(row):
        return None  # what is under way is answered first
    return Rejected("previous_payment_intent_mismatch")


def _is_waiting(row: PaymentIntentState) -> bool:
    """Whether money is on its way or held, and nobody has a question about it."""
    return row.is_frozen and not row.needs_refresh and row.recheck_after is None and row.lease_token is None


def is_answered_at_once(context: Context, command: PutTerms, row: PaymentIntentState) -> bool:
    """Whether the PUT has its answer without anything being written or asked."""
    is_paid = row.status == "succeeded" and row.closed_at is None
    if (is_paid and command.previous_payment_intent != row.id) or _is_waiting(row):
        return True
    is_asked_for = command.terms == row.requested_terms and not row.is_rolled_back
    is_asked_for = is_asked_for and command.expires_after == row.expires_after
    is_agreed = row.is_payable and row.is_synced and row.recheck_after is None
    is_recent = row.last_activity_at > context.now - ACTIVITY_RESOLUTION
    is_current = is_recent and not has_ended(row, context.now)
    return is_asked_for and is_agreed and is_current and row.object_id in context.known_secrets


def _revise(change: Change, row: PaymentIntentState, command: PutTerms) -> PaymentIntentState:
    row = row._replace(requested_terms=command.terms, revision=row.revision + 1, expires_after=command.expires_after)
    return change.put(row._replace(is_rolled_back=False, last_activity_at=change.now))


def _open_for(change: Change, command: PutTerms, row: PaymentIntentState | None) -> PaymentIntentState:
    """Open the next generation; a closed one's successor follows what that one followed."""
    previous = command.previous_payment_intent
    if row is not None and row.status == "succeeded" and previous == row.id:
        row = change.close(row, "followed")
        change.state = change.state._replace(cart_version=None)  # of the order that was paid
    revision = row.revision + 1 if row else 1
    follows = previous or (row.previous_id if row else None)
    return change.open_next(
        requested=command.terms, revision=revision, previous_id=follows, expires_after=command.expires_after
    )


def _cancel(change: Change, command: Cancel, row: PaymentIntentState) -> Outcome:
    if row.id != command.target_id or not row.is_open:
        return row, False
    if not row.is_cancel_requested:
        who = change.actor.name
        row = change.put(row._replace(is_cancel_requested=True, cancel_reason=command.reason, cancel_requested_by=who))
    return row, True


def _capture(change: Change, command: Capture, row: PaymentIntentState) -> Outcome:
    if row.id != command.target_id or row.status != "requires_capture":
        return row, False
    amount = command.amount or row.amount_capturable
    if row.capture_amount not in (None, amount):
        return Rejected("payment_in_progress")
    if amount > row.amount_capturable:
        return Rejected("capture_exceeds_authorization", {"amount_capturable": row.amount_capturable})
    if row.capture_amount is None:
        row = change.put(row._replace(capture_amount=amount))
    return row, True


def _refresh(change: Change, command: Refresh, row: PaymentIntentState) -> Outcome:
    again_after, asked_at = command.again_after, row.refresh_requested_at
    was_asked = again_after is not None and asked_at is not None and asked_at > change.now - again_after
    if not row.is_open or was_asked:
        return row, False
    version = row.version + 1  # an answer that is on its way was given before
    return change.put(row._replace(needs_refresh=True, refresh_requested_at=change.now, version=version)), True


def _recover(change: Change, command: Recover, row: PaymentIntentState) -> Outcome:
    if row.id != command.target_id or not row.is_open:
        return row, False
    if row.updated_at < change.now - change.context.config.silent_after:
        row = row._replace(needs_refresh=True)
    return change.touch(row), True


def _expire(change: Change, command: Expire, row: PaymentIntentState) -> Outcome:
    if row.id != command.target_id or not is_abandoned(row, change.context):
        return row, False
    return change.put(row._replace(is_cancel_requested=True, cancel_reason="abandoned")), True


def is_abandoned(row: PaymentIntentState, context: Context) -> bool:
    """Whether no shopper or caller touched it for long. What is unknown is asked about first: money may be held."""
    if not row.is_payable or row.lease_token is not None or row.needs_refresh:
        return False
    return expires_at(row, context.config) < context.now

"""One reference with its PaymentIntents, as a value; and the change that a decision makes to it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from app.payment_intents.protocol.checkout import LONGEST_LIFE, SHORTEST_LIFE, CheckoutState
from app.payment_intents.protocol.events import (
    ClosedReason,
    Fact,
    Flag,
    PaymentFlagged,
    PaymentOpened,
    PaymentUnflagged,
)
from app.payment_intents.protocol.stripe_params import create_params
from app.payment_intents.protocol.terms import (
    AppliedTerms,
    NextAction,
    PaymentTerms,
    Reference,
    StripeMetadata,
)

# Stripe's words for a PaymentIntent's status.
TERMINAL = frozenset({"succeeded", "canceled"})
FROZEN = frozenset({"processing", "requires_capture"})
PAYABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})

SURPLUS: ClosedReason = "surplus"
GONE: ClosedReason = "gone"

AMOUNT_MISMATCH: Flag = "amount_mismatch"
DUPLICATE_PAYMENT: Flag = "duplicate_payment"
PAID_AFTER_CLOSE: Flag = "paid_after_close"

# Why a row was closed that Stripe never made anything for: it refused, or failed for good.
NEVER_MADE = frozenset({"refused", "failed"})

# How long is waited for a bank transfer to arrive, or for the amounts of micro-deposits: Stripe's own ten days.
LONGEST_TRANSFER = timedelta(days=10)

# Stripe counts a session's shortest life from its own clock, and from when the request arrives.
CLOCK_MARGIN = timedelta(minutes=2)

# Card testing: failed attempts of so long ago do not count any more.
FAILURE_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ProtocolConfig:
    """What the settings say.

    A call is sent only `send_within` of its decision's commit: later, the lease might not outlast it. A PUT waits for
    `longest_wait`; whoever made an older request that still stands is gone by then. No request to Stripe lives longer
    than `longest_request`. A payment is found by its receipt's e-mail address through a hash with `email_search_key`.
    """

    instance: str
    lease: timedelta
    send_within: timedelta
    longest_wait: timedelta
    longest_request: timedelta
    abandoned_after: timedelta = timedelta(hours=24)
    silent_after: timedelta = timedelta(hours=1)
    is_expiry_enabled: bool = True
    max_failed_attempts: int = 10
    email_search_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at besides the state: the settings, the database's time and fresh ids.

    `new_id` is for a PaymentIntent that is opened, `call_id` for the idempotency key of the next call. `known_secrets`
    are the PaymentIntents at Stripe whose client secret is in memory.
    """

    config: ProtocolConfig
    now: datetime
    new_id: UUID
    call_id: UUID
    known_secrets: frozenset[str] = frozenset()


class PaymentIntentState(NamedTuple):
    """A generation of a reference. The one without `closed_at` is live; the database allows one.

    `is_checkout`: it is paid in a Checkout Session, which is what our calls are about; else in a PaymentIntent alone.
    Of Stripe we know: `stripe_id` (the PaymentIntent), `checkout` (the session), `status` (a PaymentIntent's, its
    words; None until it answers), the amounts, and `applied_terms`.
    Desired state: `requested_terms` with their `revision`, which only grows, over generations too
    (`is_rolled_back`: the newest request was given up, and these are what Stripe held; `refused_revision`: Stripe
    refused a price, and has accepted nothing newer than this), `is_cancel_requested` and `capture_amount`.
    Who writes: `lease_token` until `lease_until`. `version` grows with each recorded change. Stripe must be asked
    while `needs_refresh`, and again after `recheck_after`, when a request that is on its way can't arrive any more;
    such a request may set the `unconfirmed_fields`.
    `expires_after` is how long nobody may act before it is abandoned; None is what the settings say. `next_action` is
    what Stripe waits for the shopper to do. `attempt_notifications` is at least the number of attempts.
    `amount_refunded` is what Stripe holds as refunded, `amount_reserved` that with what is on its way.
    `amount_disputed` is what open disputes keep back, `amount_lost` what the shopper's bank took for good. `paid_at`
    is when its success was recorded.
    `cancel_requested_by` is the actor of the caller's cancel; None when we cancel it for a reason of our own.
    """

    id: UUID
    reference: Reference
    generation: int
    create_params: str
    requested_terms: PaymentTerms
    revision: int
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime
    is_checkout: bool = False
    stripe_id: str | None = None
    checkout_id: str | None = None
    checkout: CheckoutState | None = None
    previous_id: UUID | None = None
    is_rolled_back: bool = False
    refused_revision: int | None = None
    applied_terms: AppliedTerms | None = None
    version: int = 0
    lease_token: UUID | None = None
    lease_until: datetime | None = None
    needs_refresh: bool = False
    recheck_after: datetime | None = None
    unconfirmed_fields: tuple[str, ...] = ()
    is_cancel_requested: bool = False
    cancel_reason: str | None = None
    cancel_requested_by: str | None = None
    capture_amount: int | None = None
    expires_after: timedelta | None = None
    refresh_requested_at: datetime | None = None
    status: str | None = None
    next_action: NextAction | None = None
    amount: int | None = None
    currency: str | None = None
    amount_received: int = 0
    amount_capturable: int = 0
    amount_refunded: int = 0
    amount_reserved: int = 0
    amount_disputed: int = 0
    amount_lost: int = 0
    flags: tuple[str, ...] = ()
    attempt_notifications: int = 0
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    closed_reason: ClosedReason | None = None

    @property
    def channel(self) -> Literal["payment_intent", "checkout_session"]:
        return "checkout_session" if self.is_checkout else "payment_intent"

    @property
    def object_id(self) -> str | None:
        """What our calls to Stripe are about: the Checkout Session, or the PaymentIntent that has none."""
        return self.checkout_id if self.is_checkout else self.stripe_id

    @property
    def amount_refundable(self) -> int:
        """What is left of what was received, without what refunds of unknown outcome have reserved.

        Nothing while a part is disputed, or once it is lost: Stripe refuses to refund such a Charge.
        """
        if self.amount_disputed or self.amount_lost:
            return 0
        return max(0, self.amount_received - self.amount_reserved)

    @property
    def is_open(self) -> bool:
        """Whether anything is left to converge: neither closed nor paid."""
        return self.closed_at is None and self.status != "succeeded"

    @property
    def is_watched(self) -> bool:
        """Whether it is closed here and not known to have ended at Stripe: it may be paid there."""
        if self.closed_at is None or self.object_id is None:
            return False
        return self.needs_refresh or (self.status not in TERMINAL and self.closed_reason != GONE)

    @property
    def is_payable(self) -> bool:
        """Whether a shopper may be handed its client secret."""
        return self.status in PAYABLE and not self.is_cancel_requested and self.closed_at is None

    @property
    def is_frozen(self) -> bool:
        """Whether money is on its way or held, so that nothing may change."""
        return self.status in FROZEN

    @property
    def is_synced(self) -> bool:
        """Whether Stripe is known to hold exactly what was requested last: nobody writes, nothing is unknown."""
        is_quiet = self.lease_token is None and not self.needs_refresh
        return is_quiet and self.applied_terms is not None and self.applied_terms.covers(self.requested_terms)

    @property
    def is_price_refused(self) -> bool:
        """Whether something else is owed than what Stripe holds, since it refused that price."""
        return self.refused_revision is not None

    @property
    def must_be_replaced(self) -> bool:
        """Whether only another PaymentIntent or Checkout Session can have what is requested.

        That is so for another customer, for another price while the shopper authenticates this one, and for what
        `can_follow_in_place` excludes.
        """
        if self.applied_terms is None:
            return False
        held, wanted = self.applied_terms.terms, self.requested_terms
        is_other_customer = held.customer is not None and wanted.customer not in (None, held.customer)
        is_other_price = self.status == "requires_action" and held.price != wanted.price
        return is_other_customer or is_other_price or not wanted.filled_from(held).can_follow_in_place(held)

    @property
    def is_amount_mismatched(self) -> bool:
        """Whether something else was paid than is owed. A capture takes a part of what was asked for."""
        owed = self.requested_terms.amount if self.capture_amount is None else self.capture_amount
        is_other_price = (self.amount, self.currency) != self.requested_terms.price
        is_refused_owed = self.is_price_refused and self.is_rolled_back
        return self.amount_received != owed or is_other_price or is_refused_owed

    @property
    def is_unmade(self) -> bool:
        """Whether it was closed before Stripe made anything for it."""
        return self.closed_reason in NEVER_MADE

    @property
    def terms_at_stripe(self) -> PaymentTerms:
        """The terms that Stripe is known to hold; what is requested while that is not known."""
        applied = self.applied_terms
        return self.requested_terms if applied is None else applied.terms

    @property
    def is_capture_requested(self) -> bool:
        return self.capture_amount is not None and self.status == "requires_capture"


class PaidIntent(NamedTuple):
    """A PaymentIntent of the reference that succeeded, and which one it followed."""

    id: UUID
    previous_id: UUID | None


class ReferenceState(NamedTuple):
    """A reference as it was read, at `version`; 0 when there is none yet.

    `payment_intents` are those that a decision looks at, oldest first: the newest among them unless the state was
    read for one PaymentIntent alone. `paid` is filled when the reference has several, `recent_failures` (times of
    failed attempts, newest first) when there may be too many.
    """

    reference: Reference
    version: int = 0
    next_generation: int = 1
    next_sequence: int = 1
    cart_version: int | None = None
    moved_to: str | None = None
    payment_intents: tuple[PaymentIntentState, ...] = ()
    paid: tuple[PaidIntent, ...] = ()
    recent_failures: tuple[datetime, ...] = ()

    @property
    def newest(self) -> PaymentIntentState | None:
        return self.payment_intents[-1] if self.payment_intents else None

    @property
    def newest_cart_version(self) -> int | None:
        """The newest version of the cart that was accepted; a request that Stripe refused to create does not count."""
        row = self.newest
        requested = row.requested_terms.cart_version if row is not None and not row.is_unmade else None
        return max((each for each in (self.cart_version, requested) if each is not None), default=None)

    def get(self, payment_intent_id: UUID | None) -> PaymentIntentState | None:
        return next((each for each in self.payment_intents if each.id == payment_intent_id), None)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused a change: `client:shop`, `stripe:evt_…`, `job:recover`, and the Stripe request behind it."""

    name: str
    stripe_request_id: str | None = None

    def with_request(self, stripe_request_id: str | None) -> "Actor":
        return replace(self, stripe_request_id=stripe_request_id)


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """Something that happened to a payment, with its number among those of its reference.

    `cart_version` is the one that it is about, None where the caller counts none.
    """

    reference: Reference
    sequence: int
    payment_intent_id: UUID
    stripe_id: str | None
    cart_version: int | None
    data: Fact
    actor: Actor


@dataclass(frozen=True, slots=True)
class Job:
    """Something that a worker should look at now."""

    name: str
    payment_intent_id: UUID


class Change:
    """The state as a decision leaves it, with the events and jobs that belong to it. Local to one decision."""

    def __init__(self, state: ReferenceState, context: Context, actor: Actor) -> None:
        self.before = self.state = state
        self.context = context
        self.actor = actor
        self.events: list[DomainEvent] = []
        self.jobs: list[Job] = []
        self.rows: dict[Hashable, dict[Hashable, Mapping[str, Any]]] = {}
        self._changed: list[UUID] = []

    @property
    def now(self) -> datetime:
        return self.context.now

    @property
    def is_empty(self) -> bool:
        return self.state is self.before and not self.jobs

    @property
    def changed(self) -> list[PaymentIntentState]:
        """The PaymentIntents to be written, in the order in which they changed."""
        return [row for each in self._changed if (row := self.state.get(each)) is not None]

    def put(self, row: PaymentIntentState) -> PaymentIntentState:
        """Take a PaymentIntent as it is now; one that did not change is left alone."""
        known = self.state.get(row.id)
        if row == known:
            return row
        return self.touch(row)

    def touch(self, row: PaymentIntentState) -> PaymentIntentState:
        """Take a PaymentIntent that is to be written even if it did not change."""
        row = row._replace(updated_at=self.now)
        others = [each for each in self.state.payment_intents if each.id != row.id]
        rows = tuple(sorted([*others, row], key=lambda each: each.generation))
        self.state = self.state._replace(payment_intents=rows)
        if row.id not in self._changed:
            self._changed.append(row.id)
        return row

    def append(self, row: PaymentIntentState, fact: Fact) -> None:
        """Append a domain event with the reference's next number."""
        sequence, self.state = self.state.next_sequence, self.state._replace(next_sequence=self.state.next_sequence + 1)
        version = row.terms_at_stripe.cart_version
        event = DomainEvent(self.state.reference, sequence, row.id, row.stripe_id, version, fact, self.actor)
        self.events.append(event)

    def save(self, table: Hashable, key: Hashable, row: Mapping[str, Any]) -> None:
        """Have a row of another table written with this change: an attempt, a refund, a dispute."""
        self.rows.setdefault(table, {})[key] = row

    def enqueue(self, job: str, row: PaymentIntentState) -> None:
        self.jobs.append(Job(job, row.id))

    def detach(self, row: PaymentIntentState, cart_id: str) -> None:
        """Let go of a session's PaymentIntent, which a cart has from now on."""
        others = tuple(each for each in self.state.payment_intents if each.id != row.id)
        self.state = self.state._replace(payment_intents=others, moved_to=cart_id)

    def open_next(
        self,
        *,
        requested: PaymentTerms,
        revision: int,
        previous_id: UUID | None = None,
        expires_after: timedelta | None = None,
    ) -> PaymentIntentState:
        """Open the reference's next generation, with the parameters of its creation frozen in it."""
        reference, generation = self.state.reference, self.state.next_generation
        end = self._checkout_end(requested, expires_after)
        metadata = StripeMetadata(self.context.config.instance, self.context.new_id, reference)
        self.state = self.state._replace(next_generation=generation + 1)
        row = self.touch(
            PaymentIntentState(
                id=self.context.new_id,
                reference=reference,
                generation=generation,
                is_checkout=requested.checkout is not None,
                create_params=create_params(requested, revision, metadata, end),
                requested_terms=requested,
                revision=revision,
                created_at=self.now,
                updated_at=self.now,
                last_activity_at=self.now,
                previous_id=previous_id,
                expires_after=expires_after,
            )
        )
        opened = PaymentOpened(requested.amount, requested.currency, generation, previous_id, channel=row.channel)
        self.append(row, opened)
        return row

    def _checkout_end(self, requested: PaymentTerms, expires_after: timedelta | None) -> datetime | None:
        """Return until when a Checkout Session is to live, if that is less than Stripe's longest time for one."""
        if requested.checkout is None or expires_after is None or expires_after.total_seconds() >= LONGEST_LIFE:
            return None
        return self.now + max(expires_after, timedelta(seconds=SHORTEST_LIFE) + CLOCK_MARGIN)

    def close(self, row: PaymentIntentState, reason: ClosedReason) -> PaymentIntentState:
        """Close a PaymentIntent, so that the reference may open its next one."""
        closed_at, closed_reason = row.closed_at or self.now, row.closed_reason or reason
        row = release_lease(row)._replace(closed_at=closed_at, closed_reason=closed_reason, is_cancel_requested=False)
        return self.put(row)

    def flag(self, row: PaymentIntentState, flag: Flag) -> PaymentIntentState:
        """Mark a PaymentIntent for a person to look at, and tell it."""
        if flag not in row.flags:
            self.append(row, PaymentFlagged(flag))
        return self.mark(row, flag)

    def mark(self, row: PaymentIntentState, flag: Flag) -> PaymentIntentState:
        """Mark a PaymentIntent for what an event of its own tells."""
        return row if flag in row.flags else self.put(row._replace(flags=(*row.flags, flag)))

    def unflag(self, row: PaymentIntentState, flag: Flag) -> PaymentIntentState:
        """Take a mark away again: nobody has to look."""
        if flag not in row.flags:
            return row
        self.append(row, PaymentUnflagged(flag))
        return self.put(row._replace(flags=tuple(each for each in row.flags if each != flag)))


def release_lease(row: PaymentIntentState) -> PaymentIntentState:
    """Release the lease; with it, what was sent under it is known, unless that was marked."""
    unconfirmed = row.unconfirmed_fields if row.recheck_after is not None else ()
    return row._replace(lease_token=None, lease_until=None, unconfirmed_fields=unconfirmed)


def mark_outcome_unknown(row: PaymentIntentState, context: Context) -> PaymentIntentState:
    """Note that a request may still be on its way to Stripe, now and for as long as a request can live."""
    return row._replace(needs_refresh=True, recheck_after=context.now + context.config.longest_request)


def blocked_for(state: ReferenceState, row: PaymentIntentState, context: Context) -> timedelta | None:
    """Return how long the reference stays blocked by failed attempts, None if it is not.

    Money that was taken or is on its way ends a block too.
    """
    limit = context.config.max_failed_attempts
    if row.status == "succeeded" or row.is_frozen or len(state.recent_failures) < limit:
        return None
    rest = state.recent_failures[limit - 1] + FAILURE_WINDOW - context.now
    return rest if rest > timedelta(0) else None


def due_at(row: PaymentIntentState, config: ProtocolConfig) -> datetime | None:
    """Return when somebody should look at this PaymentIntent, whatever happens; None when it is final.

    Events that no webhook brought are taken from Stripe's list. So Stripe is asked about a silent one as often as
    `silent_after` says only while money is under way; about an open cart once, when it would be abandoned.
    """
    if row.is_watched:
        return row.updated_at if row.needs_refresh or row.is_cancel_requested else row.updated_at + config.silent_after
    if not row.is_open:
        return None
    if row.lease_until is not None:
        return row.lease_until
    is_behind = not row.is_frozen and not row.is_synced
    if row.needs_refresh or row.is_cancel_requested or row.is_capture_requested or is_behind:
        return row.updated_at
    due = [row.updated_at + (config.silent_after if row.is_frozen else config.abandoned_after)]
    if row.recheck_after is not None:
        due.append(row.recheck_after)
    if row.is_payable and config.is_expiry_enabled:
        due.append(expires_at(row, config))
    if row.is_payable and row.checkout is not None:
        due.append(row.checkout.expires_at)
    return min(due)


def has_ended(row: PaymentIntentState, now: datetime) -> bool:
    """Whether its Checkout Session ends by itself at this time: Stripe has to be asked what became of it."""
    return row.checkout is not None and row.checkout.status == "open" and row.checkout.expires_at <= now


def expires_at(row: PaymentIntentState, config: ProtocolConfig) -> datetime:
    """Return when a payable one counts as abandoned, unless somebody acts: not before its money may still arrive."""
    lifetime, action = row.expires_after or config.abandoned_after, row.next_action
    if action is not None and action.is_slow:
        lifetime = max(lifetime, LONGEST_TRANSFER)
    expiry = row.last_activity_at + lifetime
    return expiry if action is None or action.expires_at is None else max(expiry, action.expires_at)

"""What a run may do next, and how a call to Stripe may end."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from app.payment_intents.protocol.state import Context, PaymentIntentState
from app.payment_intents.protocol.terms import AppliedTerms, PaymentIntentSnapshot

# One run makes at most so many calls: a create, a retrieve, an update, a cancel, each perhaps once more. One that meets
# a newer request each time leaves the next call to whoever made it.
MAX_CALLS = 6

# Stripe forgets a key after 24 h or more, and would then create a second PaymentIntent under it.
KEY_IS_SAFE_FOR = timedelta(hours=20)

# Our clock and Stripe's may differ by so much when a creation time is compared.
CLOCK_SKEW = timedelta(minutes=10)


class Confirmation(NamedTuple):
    """What a shopper agreed to pay, and how: the price that they saw, and Stripe's token of what they entered."""

    amount: int
    cart_version: int | None
    token: str
    return_url: str

    def __repr__(self) -> str:
        return f"Confirmation of {self.amount}"  # whoever has the token could pay with it

    @property
    def key(self) -> str:
        """The same for the same request, however often it is sent: a double click confirms once."""
        return hashlib.sha256(f"{self.token} {self.return_url}".encode()).hexdigest()[:32]


class ConvergeRun(NamedTuple):
    """One writer's attempt to bring Stripe to what was requested, and what it has learnt so far.

    `revision` is a PUT's own; jobs have none. `about` is the PaymentIntent of the last step, `version` that one's when
    the lease was taken. `sent` are the terms of the last update with their revision; `is_first` says that nobody had
    an answer about this PaymentIntent before. `is_fresh`: this run has Stripe's own answer since it took the lease.
    `refused` is the call that Stripe refused because of a state, `refused_in` the status that it showed with that.
    `displaced` is the price that a PUT's own took the place of. `confirmation` is what is to be confirmed once Stripe
    holds what is owed, unless it `is_confirmed`.
    """

    token: UUID
    revision: int | None = None
    wants_secret: bool = False
    about: UUID | None = None
    calls: int = 0
    version: int = 0
    is_fresh: bool = False
    must_search: bool = False
    has_searched: bool = False
    is_first: bool = False
    sent: AppliedTerms | None = None
    refused: "Call | None" = None
    refused_in: str | None = None
    displaced: tuple[int, str] | None = None
    confirmation: Confirmation | None = None
    is_confirmed: bool = False

    @property
    def is_put(self) -> bool:
        return self.revision is not None

    def may_roll_back(self, row: PaymentIntentState, context: Context) -> bool:
        """Whether the newest request is this run's to give up: its own, or nobody waits for it any more."""
        is_own = self.revision == row.revision
        return is_own or row.last_activity_at < context.now - context.config.longest_wait


@dataclass(frozen=True, slots=True)
class Wait:
    """Another writer holds the lease."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do, or nothing may be done."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Too many calls and still no agreement, or the newest request is another's and was refused."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The run ends, and its caller gets the error of the last call that had one."""


Reason = Literal[
    "already_paid",
    "capture_exceeds_authorization",
    "cart_has_payment_intent",
    "cart_version_conflict",
    "moved",
    "payment_in_progress",
    "payment_intent_not_found",
    "previous_payment_intent_mismatch",
    "price_changed",
    "stale_cart_version",
    "too_many_failed_attempts",
]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The command is not possible in this state, and nothing is changed; `facts` are told to the caller."""

    reason: Reason
    facts: dict[str, Any] = field(default_factory=dict, hash=False)


# With `is_checkout` a call is about a Checkout Session, else about a PaymentIntent.


@dataclass(frozen=True, slots=True)
class CreateCall:
    """Create the PaymentIntent; the key finds the first one when this was sent before. `params` is JSON."""

    params: str
    key: str
    is_checkout: bool = False


@dataclass(frozen=True, slots=True)
class FindCall:
    """Look for it at Stripe by our metadata: the key may be forgotten."""

    metadata: dict[str, str] = field(hash=False)
    created_after: datetime
    created_before: datetime | None
    is_checkout: bool = False


@dataclass(frozen=True, slots=True)
class RetrieveCall:
    """Ask Stripe how it stands."""

    stripe_id: str
    began_at: datetime
    is_checkout: bool = False


@dataclass(frozen=True, slots=True)
class UpdateCall:
    """Send what differs. The key serves the retries of this one call alone."""

    stripe_id: str
    params: dict[str, Any] = field(hash=False)
    key: str
    is_checkout: bool = False


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Cancel it; a Checkout Session is expired, for no reason that Stripe would keep."""

    stripe_id: str
    reason: str | None
    key: str
    is_checkout: bool = False


@dataclass(frozen=True, slots=True)
class CaptureCall:
    """Take the money that is held, or a part of it."""

    stripe_id: str
    amount: int
    key: str


@dataclass(frozen=True, slots=True)
class ConfirmCall:
    """Take the money with what the shopper entered."""

    stripe_id: str
    params: dict[str, Any] = field(hash=False, repr=False)
    key: str


Call: TypeAlias = CreateCall | FindCall | RetrieveCall | UpdateCall | CancelCall | CaptureCall | ConfirmCall
Step: TypeAlias = Call | Wait | Done | GiveUp | Fail | Rejected


@dataclass(frozen=True, slots=True)
class Answered:
    """Stripe did it, and shows the PaymentIntent."""

    snapshot: PaymentIntentSnapshot


@dataclass(frozen=True, slots=True)
class FoundNothing:
    """Stripe has no PaymentIntent with our metadata."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The account does not have the PaymentIntent any more, as when its test data were deleted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Stripe's "no": nothing was done. `refusals` says what it means; `snapshot` is there if Stripe showed it."""

    stripe_code: str | None = None
    stripe_param: str | None = None
    snapshot: PaymentIntentSnapshot | None = None


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """The key was used with other parameters, so something may have been made with it."""


@dataclass(frozen=True, slots=True)
class ReplayedFailure:
    """Stripe repeats a server error from memory: with this key nothing more will be done. Something may have been."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The outcome is not known: the request may have been done, or may be done later.

    The lease ends, the caller gets 503, and the request stands. The sweep or the next PUT retrieves, then sends again
    what Stripe does not hold, and asks once more after `recheck_after`.
    """


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly nothing was done: the call was turned away, or there was no time left for it."""


Answer: TypeAlias = Answered | FoundNothing | Gone | Refused | KeyConflict | ReplayedFailure | Unknown | NotSent

"""What is told of a payment: one class for each type of domain event, the one source of their names and data.

Data is an amount in minor units, an id, or one of few words; there is no place for personal data or for a secret. One
fact is told once, in its reference's stream. `version` grows when data changes so that its readers must; a field that
is only added keeps it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias
from uuid import UUID

# Why a PaymentIntent was closed: we canceled it (nobody acted for long, a caller asked, too many attempts failed,
# other terms need the next one), Stripe did (a hold was not captured in time, or for a reason of its own), or somebody
# else did at Stripe; Stripe made nothing of it; a next payment follows it; a backup had lost it while another one was
# opened; Stripe does not have it any more; or its Checkout Session ended at its time, or in a payment that failed late.
ClosedReason = Literal[
    "abandoned",
    "requested",
    "card_testing",
    "replaced",
    "hold_expired",
    "stripe",
    "dashboard",
    "refused",
    "failed",
    "followed",
    "surplus",
    "gone",
    "checkout_expired",
    "checkout_failed",
]

# What a person should check: another amount than owed was paid, two were paid, the shopper's bank wants the money back
# or suspects a fraud.
Flag = Literal["amount_mismatch", "duplicate_payment", "paid_after_close", "disputed", "fraud_warning"]


@dataclass(frozen=True, slots=True)
class Fact:
    """The data of a domain event. Its class is the event's type."""

    type: ClassVar[str]
    version: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class PaymentOpened(Fact):
    """The cart or session has something new to pay; Stripe is asked to create it.

    `channel`: a `payment_intent`, or a `checkout_session` that makes one when the shopper confirms.
    """

    type: ClassVar[str] = "payment.opened"
    amount: int
    currency: str
    generation: int
    previous_payment_intent_id: UUID | None = None
    is_adopted: bool = False
    channel: str = "payment_intent"


@dataclass(frozen=True, slots=True)
class PaymentAmountChanged(Fact):
    """Stripe holds another price than before: the cart changed. Nothing was paid yet."""

    type: ClassVar[str] = "payment.amount_changed"
    amount: int
    currency: str
    previous_amount: int
    previous_currency: str


@dataclass(frozen=True, slots=True)
class PaymentActionRequired(Fact):
    """The shopper must do something: confirm with their bank, pay a voucher, make a transfer."""

    type: ClassVar[str] = "payment.action_required"
    amount: int
    currency: str
    next_action: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentPartiallyFunded(Fact):
    """A part of a bank transfer has arrived; the shopper still has to transfer `amount_remaining`."""

    type: ClassVar[str] = "payment.partially_funded"
    amount: int
    currency: str
    amount_remaining: int


@dataclass(frozen=True, slots=True)
class PaymentProcessing(Fact):
    """The money is on its way, which may take days. Wait for `payment.succeeded` before you ship."""

    type: ClassVar[str] = "payment.processing"
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentAuthorized(Fact):
    """The money is held and waits to be captured."""

    type: ClassVar[str] = "payment.authorized"
    amount: int
    currency: str
    amount_capturable: int


@dataclass(frozen=True, slots=True)
class PaymentSucceeded(Fact):
    """The cart is paid: ship the order. It is final."""

    type: ClassVar[str] = "payment.succeeded"
    amount: int
    currency: str
    amount_received: int


@dataclass(frozen=True, slots=True)
class PaymentCanceled(Fact):
    """This PaymentIntent can't be paid any more; the next PUT opens another one. It is final."""

    type: ClassVar[str] = "payment.canceled"
    amount: int
    currency: str
    reason: ClosedReason
    canceled_by: str
    stripe_code: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentAttachedToCart(Fact):
    """A session's PaymentIntent is a cart's from now on; the session's stream and the cart's both tell it."""

    type: ClassVar[str] = "payment.attached_to_cart"
    session_id: str
    cart_id: str


@dataclass(frozen=True, slots=True)
class PaymentFlagged(Fact):
    """A person should look at this payment.

    `price_refused`: Stripe refused a new price, holds the old one, and nobody can pay until another PUT.
    """

    type: ClassVar[str] = "payment.flagged"
    flag: Flag | Literal["price_refused"]


@dataclass(frozen=True, slots=True)
class PaymentUnflagged(Fact):
    """Nobody has to look any more."""

    type: ClassVar[str] = "payment.unflagged"
    flag: Flag


@dataclass(frozen=True, slots=True)
class PaymentCancelRefused(Fact):
    """Stripe refused to cancel this PaymentIntent: it can still be paid."""

    type: ClassVar[str] = "payment.cancel_refused"
    reason: str | None


@dataclass(frozen=True, slots=True)
class PaymentNoted(Fact):
    """Something that earlier releases told and this one does not: `earlier_type` names it. Ignore it.

    A price is kept if it had one.
    """

    type: ClassVar[str] = "payment.noted"
    earlier_type: str
    earlier_amount: int | None
    earlier_currency: str | None


@dataclass(frozen=True, slots=True)
class AttemptFailed(Fact):
    """An attempt to pay failed; the shopper may try again."""

    type: ClassVar[str] = "attempt.failed"
    attempt_id: UUID
    amount: int
    currency: str
    failure_code: str | None
    decline_code: str | None
    payment_method_type: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptSucceeded(Fact):
    """An attempt to pay succeeded: the money was taken, or is held."""

    type: ClassVar[str] = "attempt.succeeded"
    attempt_id: UUID
    amount: int
    currency: str
    payment_method_type: str | None = None


@dataclass(frozen=True, slots=True)
class RefundRequested(Fact):
    """A refund is on its way, which may take days."""

    type: ClassVar[str] = "refund.requested"
    refund_id: UUID
    stripe_refund_id: str | None
    amount: int
    currency: str
    reason: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class RefundSucceeded(Fact):
    """The customer was repaid."""

    type: ClassVar[str] = "refund.succeeded"
    refund_id: UUID
    stripe_refund_id: str | None
    amount: int
    currency: str
    reason: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class RefundFailed(Fact):
    """The customer was not repaid: the refund failed, was canceled, or Stripe refused it.

    If it `failed`, repay in another way; it may have been told as succeeded before (`previous_status`): the bank sent
    the money back. If Stripe refused it, nothing was sent, and the money may be back already: look first.
    """

    type: ClassVar[str] = "refund.failed"
    refund_id: UUID
    stripe_refund_id: str | None
    amount: int
    currency: str
    reason: str | None
    origin: str
    status: str
    previous_status: str | None = None
    failure_reason: str | None = None
    stripe_code: str | None = None
    is_customer_repaid: Literal[False] = False


@dataclass(frozen=True, slots=True)
class DisputeOpened(Fact):
    """The shopper's bank wants the money back, or only asks (a status that begins with `warning_`)."""

    type: ClassVar[str] = "dispute.opened"
    stripe_dispute_id: str
    amount: int
    currency: str
    status: str
    reason: str | None
    due_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class DisputeUpdated(Fact):
    """A dispute has another status, or is open again after an appeal."""

    type: ClassVar[str] = "dispute.updated"
    stripe_dispute_id: str
    amount: int
    currency: str
    status: str
    reason: str | None
    due_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class DisputeClosed(Fact):
    """A dispute ended: `won`, `lost`, `warning_closed` or `prevented`. It may be the first that is told of it."""

    type: ClassVar[str] = "dispute.closed"
    stripe_dispute_id: str
    amount: int
    currency: str
    status: str
    reason: str | None
    due_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class FraudWarningCreated(Fact):
    """The card's network suspects that the payment is a fraud. A refund now may save you a dispute."""

    type: ClassVar[str] = "fraud_warning.created"
    stripe_warning_id: str
    stripe_charge_id: str | None
    fraud_type: str | None
    is_actionable: bool


PersonsAction = Literal["refund", "cancel", "capture", "ask_stripe", "mark_seen", "redeliver"]
PersonsReason = Literal[
    "requested_by_customer", "duplicate", "fraudulent", "not_delivered", "returned", "wrong_amount", "agreed", "other"
]


@dataclass(frozen=True, slots=True)
class ActionRequested(Fact):
    """A person asked for this by hand, in the console; `actor` names them. What comes of it, other events tell."""

    type: ClassVar[str] = "action.requested"
    action_id: UUID
    action: PersonsAction
    why: PersonsReason
    amount: int | None = None
    currency: str | None = None


FactClass: TypeAlias = type[Fact]

# In the order in which a reader wants them.
FACTS: tuple[FactClass, ...] = (
    PaymentOpened,
    PaymentAmountChanged,
    PaymentActionRequired,
    PaymentPartiallyFunded,
    PaymentProcessing,
    PaymentAuthorized,
    PaymentSucceeded,
    PaymentCanceled,
    PaymentAttachedToCart,
    PaymentFlagged,
    PaymentUnflagged,
    PaymentCancelRefused,
    AttemptFailed,
    AttemptSucceeded,
    RefundRequested,
    RefundSucceeded,
    RefundFailed,
    DisputeOpened,
    DisputeUpdated,
    DisputeClosed,
    FraudWarningCreated,
    ActionRequested,
    PaymentNoted,
)

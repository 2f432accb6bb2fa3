"""Why a request about a PaymentIntent is not done."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from app.errors import Conflict, NotFound, PaymentsError, TooManyRequests, Unavailable


class PaymentIntentNotFound(NotFound):
    """This reference has no PaymentIntent; create it with PUT."""

    code, title = "payment_intent_not_found", "PaymentIntent not found"


class AlreadyPaid(Conflict):
    """This reference is paid, with another amount or currency.

    To take another payment, name the paid one in `previous_payment_intent`.
    """

    code, title = "already_paid", "Already paid"


class PaymentInProgress(Conflict):
    """A payment of this reference is under way and can't be changed; wait for its result."""

    code, title = "payment_in_progress", "Payment in progress"


class StaleCartVersion(Conflict):
    """A newer version of this cart was recorded already; nothing was changed."""

    code, title = "stale_cart_version", "Stale cart version"
    extension_types: ClassVar[Mapping[str, Any]] = {"recorded_cart_version": int}


class CartVersionConflict(Conflict):
    """This version of the cart was recorded already, with another amount."""

    code, title = "cart_version_conflict", "Cart version conflict"
    extension_types: ClassVar[Mapping[str, Any]] = {"recorded_amount": int, "recorded_currency": str}


class PreviousPaymentIntentMismatch(Conflict):
    """`previous_payment_intent` does not name the succeeded PaymentIntent of this reference."""

    code, title = "previous_payment_intent_mismatch", "Previous PaymentIntent mismatch"


class Moved(Conflict):
    """The PaymentIntent of this session was moved to a cart; `cart_id` names it."""

    code, title = "moved", "Moved"
    extension_types: ClassVar[Mapping[str, Any]] = {"cart_id": str}


class NotCapturable(Conflict):
    """There is no held money to capture: only a PaymentIntent in `requires_capture` has some."""

    code, title = "not_capturable", "Not capturable"


class CaptureExceedsAuthorization(Conflict):
    """More was to be captured than is held."""

    code, title = "capture_exceeds_authorization", "Capture exceeds authorization"
    extension_types: ClassVar[Mapping[str, Any]] = {"amount_capturable": int}


class CartHasPaymentIntent(Conflict):
    """The cart has a live PaymentIntent of its own; cancel it before another is moved there."""

    code, title = "cart_has_payment_intent", "Cart has a PaymentIntent"
    extension_types: ClassVar[Mapping[str, Any]] = {"payment_intent_id": UUID}


class ClientSecretUnavailable(Conflict):
    """The PaymentIntent can't be paid in its present state, so its client secret is not handed out."""

    code, title = "client_secret_unavailable", "Client secret unavailable"


class PriceChanged(Conflict):
    """Something else is owed than what the shopper saw; show it to them, and have them confirm that."""

    code, title = "price_changed", "Price changed"
    extension_types: ClassVar[Mapping[str, Any]] = {"amount": int, "currency": str, "cart_version": int}


class PaymentDeclined(PaymentsError):
    """The attempt to pay was declined. The shopper can try again, with another method or another token."""

    status, code, title = HTTPStatus.PAYMENT_REQUIRED, "payment_declined", "Payment declined"


class ChannelChanged(Conflict):
    """A newer request has this reference paid by the other channel, PaymentIntent or Checkout Session; read it."""

    code, title = "channel_changed", "Channel changed"


class NotConfirmable(Conflict):
    """It can't be confirmed here: it is over, or it is paid in a Checkout Session, whose page confirms by itself."""

    code, title = "not_confirmable", "Not confirmable"


class PriceRefused(Conflict):
    """Stripe refused the newest amount of this reference, and holds an older one. Send an amount that it accepts."""

    code, title = "price_refused", "Price refused"


class SyncPending(Unavailable):
    """Stripe does not hold the newest request yet. Send the same request again."""

    code, title = "sync_pending", "Sync pending"


class TooManyFailedAttempts(TooManyRequests):
    """Paying this reference failed too often, as when stolen cards are tried out; wait `Retry-After` seconds."""

    code, title = "too_many_failed_attempts", "Too many failed attempts"


# What the protocol rejects, by its reason.
REJECTIONS: Mapping[str, type[PaymentsError]] = {
    error.code: error
    for error in (
        AlreadyPaid,
        CaptureExceedsAuthorization,
        CartHasPaymentIntent,
        CartVersionConflict,
        Moved,
        PaymentInProgress,
        PaymentIntentNotFound,
        PreviousPaymentIntentMismatch,
        PriceChanged,
        StaleCartVersion,
        TooManyFailedAttempts,
    )
}

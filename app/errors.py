"""The error tree. Each class fixes its HTTP status and stable code; the docstring is the promise.

PaymentsError
├── InvalidRequest                 400/413/422 …: the request itself is wrong, nothing was changed
│   ├── MalformedJson              400 malformed_json
│   │   └── JsonTooDeep            json_too_deep
│   ├── ValidationFailed           422 validation_failed
│   │   └── InvalidCursor          422 invalid_cursor
│   ├── BodyTooLarge               413 body_too_large
│   ├── IdempotencyKeyReused       422 idempotency_key_reused
│   ├── HeadersTooLarge            431 headers_too_large
│   ├── InvalidSignature           400 invalid_signature
│   └── InvalidEvent               400 invalid_event
│       └── WrongMode              wrong_mode
├── Unauthorized, Forbidden, TooManyRequests: see access_errors.py
├── NotFound                       404 not_found
│   ├── PaymentIntentNotFound      payment_intent_not_found
│   └── RefundNotFound             refund_not_found
├── MethodNotAllowed               405 method_not_allowed
├── Conflict                       409: right, but not in this state
│   ├── AlreadyPaid                already_paid
│   ├── PaymentInProgress          payment_in_progress
│   ├── StaleCartVersion           stale_cart_version
│   ├── CartVersionConflict        cart_version_conflict
│   ├── PreviousPaymentIntentMismatch  previous_payment_intent_mismatch
│   ├── Moved                      moved
│   ├── NotCapturable              not_capturable
│   ├── CaptureExceedsAuthorization    capture_exceeds_authorization
│   ├── CartHasPaymentIntent       cart_has_payment_intent
│   ├── ClientSecretUnavailable    client_secret_unavailable
│   ├── PaymentNotRefundable       payment_not_refundable
│   ├── PaymentNotCaptured         payment_not_captured
│   ├── PaymentIntentAmbiguous     payment_intent_ambiguous
│   ├── NothingToRefund            nothing_to_refund
│   └── RefundExceedsPayment       refund_exceeds_payment
├── StripeRefused                  422 stripe_refused: Stripe's own definite "no"
└── Unavailable                    503: not known yet, or not now; send the same request again
    ├── StripeUnavailable          stripe_unavailable
    │   └── NothingDone            the same code, but certainly nothing was done
    ├── StripeMisconfigured        502 stripe_misconfigured
    ├── NotConverged               not_converged
    ├── NotAdopted                 not_adopted
    ├── DatabaseUnavailable        database_unavailable
    └── NotMigrated                not_migrated
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class PaymentsError(Exception):
    """Something that the caller is told as a problem document (RFC 9457)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str | None = None, **extensions: Any) -> None:
        self.detail = detail or " ".join((type(self).__doc__ or self.title).split())
        self.extensions = extensions
        super().__init__(self.detail)


class InvalidRequest(PaymentsError):
    """The request itself is wrong; nothing was changed."""

    status, code, title = HTTPStatus.BAD_REQUEST, "invalid_request", "Invalid request"


class MalformedJson(InvalidRequest):
    """The body is not valid JSON."""

    code, title = "malformed_json", "Malformed JSON"


class JsonTooDeep(MalformedJson):
    """The JSON of the body is nested too deeply."""

    code, title = "json_too_deep", "JSON too deep"


class ValidationFailed(InvalidRequest):
    """Some fields are not valid; `errors` names each with its reason."""

    status, code, title = HTTPStatus.UNPROCESSABLE_ENTITY, "validation_failed", "Validation failed"


class InvalidCursor(ValidationFailed):
    """`after` is not a cursor of this list."""

    code, title = "invalid_cursor", "Invalid cursor"


class BodyTooLarge(InvalidRequest):
    """The body is larger than this service accepts."""

    status, code, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "Body too large"


class IdempotencyKeyReused(InvalidRequest):
    """This Idempotency-Key was used for another request; nothing was changed. Each refund needs a key of its own."""

    status, code, title = HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", "Idempotency key reused"


class HeadersTooLarge(InvalidRequest):
    """The headers, or the address with its query, are larger than this service accepts."""

    status, code, title = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "Headers too large"


class InvalidSignature(InvalidRequest):
    """The Stripe-Signature header does not prove that Stripe sent this body, now."""

    code, title = "invalid_signature", "Invalid signature"


class InvalidEvent(InvalidRequest):
    """The signature is right, but the body is no snapshot event that this service can read."""

    code, title = "invalid_event", "Invalid event"


class WrongMode(InvalidEvent):
    """The event is of the other mode (live or test) than this service."""

    code, title = "wrong_mode", "Wrong mode"


class NotFound(PaymentsError):
    """There is nothing at this address."""

    status, code, title = HTTPStatus.NOT_FOUND, "not_found", "Not found"


class PaymentIntentNotFound(NotFound):
    """This reference has no PaymentIntent; create it with PUT."""

    code, title = "payment_intent_not_found", "PaymentIntent not found"


class RefundNotFound(NotFound):
    """There is no refund with this id."""

    code, title = "refund_not_found", "Refund not found"


class MethodNotAllowed(PaymentsError):
    """This address does not take this method."""

    status, code, title = HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"

    def __init__(self, *, allowed: Sequence[str] = ()) -> None:
        super().__init__()
        self.headers = {"Allow": ", ".join(allowed)}


class Conflict(PaymentsError):
    """The request is right, but not in the present state; nothing was changed."""

    status, code, title = HTTPStatus.CONFLICT, "conflict", "Conflict"


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


class CartVersionConflict(Conflict):
    """This version of the cart was recorded already, with another amount."""

    code, title = "cart_version_conflict", "Cart version conflict"


class PreviousPaymentIntentMismatch(Conflict):
    """`previous_payment_intent` does not name the succeeded PaymentIntent of this reference."""

    code, title = "previous_payment_intent_mismatch", "Previous PaymentIntent mismatch"


class Moved(Conflict):
    """The PaymentIntent of this session was moved to a cart; `cart_id` names it."""

    code, title = "moved", "Moved"


class NotCapturable(Conflict):
    """There is no held money to capture: only a PaymentIntent in `requires_capture` has some."""

    code, title = "not_capturable", "Not capturable"


class CaptureExceedsAuthorization(Conflict):
    """More was to be captured than is held."""

    code, title = "capture_exceeds_authorization", "Capture exceeds authorization"


class CartHasPaymentIntent(Conflict):
    """The cart has a live PaymentIntent of its own; cancel it before another is moved there."""

    code, title = "cart_has_payment_intent", "Cart has a PaymentIntent"


class ClientSecretUnavailable(Conflict):
    """The PaymentIntent can't be paid in its present state, so its client secret is not handed out."""

    code, title = "client_secret_unavailable", "Client secret unavailable"


class PaymentNotRefundable(Conflict):
    """This payment has not succeeded, so there is nothing to give back; `payment_status` tells how it stands."""

    code, title = "payment_not_refundable", "Payment not refundable"


class PaymentNotCaptured(Conflict):
    """This payment is authorized but not captured; cancel the PaymentIntent instead of refunding it."""

    code, title = "payment_not_captured", "Payment not captured"


class PaymentIntentAmbiguous(Conflict):
    """Several PaymentIntents of this reference succeeded; name the one to refund in `payment_intent`.

    `payment_intents` lists them.
    """

    code, title = "payment_intent_ambiguous", "PaymentIntent ambiguous"


class NothingToRefund(Conflict):
    """All that was received is refunded already, or reserved by refunds under way."""

    code, title = "nothing_to_refund", "Nothing to refund"


class RefundExceedsPayment(Conflict):
    """The amount is more than is left of what was received; `amount_refundable` tells what is left."""

    code, title = "refund_exceeds_payment", "Refund exceeds payment"


class StripeRefused(PaymentsError):
    """Stripe refused the request; the reference stays as it was before it."""

    status, code, title = HTTPStatus.UNPROCESSABLE_ENTITY, "stripe_refused", "Refused by Stripe"


class Unavailable(PaymentsError):
    """Not now; send the same request again."""

    status, code, title = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Unavailable"
    headers: Mapping[str, str] = {"Retry-After": "2"}


class StripeUnavailable(Unavailable):
    """Stripe did not answer; the outcome is not known yet. Send the same request again."""

    code, title = "stripe_unavailable", "Stripe unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        if retry_after is not None:
            self.headers = {"Retry-After": str(retry_after)}


class NothingDone(StripeUnavailable):
    """Stripe can't be reached, and nothing was done. Send the same request again."""


class StripeMisconfigured(Unavailable):
    """Stripe does not accept this service's API key; its operators must mend that."""

    status, code, title = HTTPStatus.BAD_GATEWAY, "stripe_misconfigured", "Stripe misconfigured"
    headers: Mapping[str, str] = {}


class NotConverged(Unavailable):
    """Stripe does not hold the newest request yet. Send the same request again."""

    code, title = "not_converged", "Not converged"


class NotAdopted(Unavailable):
    """Stripe holds this PaymentIntent of ours, and we do not (a backup was restored): it is being brought back.

    Send the event again.
    """

    code, title = "not_adopted", "Not adopted"


class DatabaseUnavailable(Unavailable):
    """The database can't be reached. Send the same request again."""

    code, title = "database_unavailable", "Database unavailable"


class NotMigrated(Unavailable):
    """The database does not have this version's tables; run `python -m app migrate`."""

    code, title = "not_migrated", "Not migrated"

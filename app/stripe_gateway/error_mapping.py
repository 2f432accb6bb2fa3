"""Map the errors of Stripe's library to this service's: refused, misconfigured here, or an unknown outcome."""

from collections.abc import Mapping
from http import HTTPStatus

import stripe

from app.errors import PaymentsError
from app.stripe_gateway.errors import (
    Declined,
    IdempotencyKeyConflict,
    PermissionMissing,
    ReplayedServerError,
    StripeMisconfigured,
    StripeNotReached,
    StripeRefused,
    StripeUnavailable,
    UnexpectedState,
    UnknownObject,
)
from app.stripe_gateway.retries import headers_of, is_replay, retry_after
from app.stripe_gateway.snapshots import Json, PaymentIntentSnapshot, read


def to_payments_error(error: BaseException, *, is_outcome_unknown: bool) -> PaymentsError:
    """Return this service's error for that of the last attempt.

    `is_outcome_unknown` when any attempt may have taken effect, or may still take effect.
    """
    body = error.json_body if isinstance(error, stripe.StripeError) else None
    error_body: Json = body["error"] if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping) else {}
    match error:
        case stripe.AuthenticationError():
            return StripeMisconfigured(reason=read.word(error_body.get("message")))
        case stripe.PermissionError():
            return PermissionMissing(reason=read.word(error_body.get("message")))  # names the permission
        case stripe.IdempotencyError():
            return IdempotencyKeyConflict()
        case stripe.InvalidRequestError(http_status=HTTPStatus.NOT_FOUND):
            is_stripes = error_body.get("code") == "resource_missing"
            return UnknownObject() if is_stripes else StripeMisconfigured()
        case stripe.InvalidRequestError() | stripe.CardError():
            return _refusal(error_body, error)
        case _:
            return _unavailable(error, is_outcome_unknown=is_outcome_unknown)


def _unavailable(error: BaseException, *, is_outcome_unknown: bool) -> StripeUnavailable:
    limited = "Stripe is limiting this service's requests. Send the same request again."
    detail = limited if isinstance(error, stripe.RateLimitError) else None
    if is_replay(headers_of(error)):
        return ReplayedServerError()
    kind = StripeUnavailable if is_outcome_unknown else StripeNotReached
    return kind(detail, retry_after=retry_after(error))


def _refusal(error_body: Json, error: stripe.StripeError) -> StripeRefused:
    kind = UnexpectedState if error_body.get("code") == "payment_intent_unexpected_state" else StripeRefused
    kind = Declined if isinstance(error, stripe.CardError) else kind
    return kind(
        f"Stripe refused the request: {error_body.get('message') or 'it gave no reason'}",
        snapshot=_attached(error_body, error),
        stripe_code=error_body.get("code"),
        stripe_param=error_body.get("param"),
    )


def _attached(error_body: Json, error: stripe.StripeError) -> PaymentIntentSnapshot | None:
    headers = headers_of(error)
    try:
        return PaymentIntentSnapshot.parse(
            error_body["payment_intent"], is_replay=is_replay(headers), request_id=headers.get("request-id")
        )
    except (KeyError, TypeError, AttributeError):
        return None

"""How a call to Stripe, or an event from Stripe, can fail.

InvalidRequest
├── InvalidSignature               400 invalid_signature
└── InvalidEvent                   400 invalid_event
StripeRefused                      422 stripe_refused: Stripe's own definite "no"
└── UnexpectedState                the same code: the PaymentIntent's state does not allow it
Unavailable
├── StripeUnavailable              503 stripe_unavailable: the outcome is not known
│   ├── StripeNotReached           the same code, but certainly nothing was done
│   ├── IdempotencyKeyConflict     the same code: the key was used with other parameters
│   └── ReplayedServerError        the same code: Stripe replays a server error for a known key
└── StripeMisconfigured            502 stripe_misconfigured
    ├── PermissionMissing          the same code: the key is valid, and may not do this
    └── UnknownObject              the same code: the key's account does not have what the call is about
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from app.errors import InvalidRequest, PaymentsError, Unavailable
from app.stripe_gateway.snapshots import PaymentIntentSnapshot


class InvalidSignature(InvalidRequest):
    """The Stripe-Signature header does not prove that Stripe sent this body, now."""

    code, title = "invalid_signature", "Invalid signature"


class InvalidEvent(InvalidRequest):
    """The signature is right, but the body is not a snapshot event that this service can read."""

    code, title = "invalid_event", "Invalid event"


class StripeRefused(PaymentsError):
    """Stripe refused the request; the reference stays as it was before.

    `snapshot` is the PaymentIntent, if Stripe showed it.
    """

    status, code, title = HTTPStatus.UNPROCESSABLE_ENTITY, "stripe_refused", "Refused by Stripe"
    extension_types: ClassVar[Mapping[str, Any]] = {"stripe_code": str, "stripe_param": str, "refund_id": UUID}

    def __init__(
        self, detail: str | None = None, *, snapshot: PaymentIntentSnapshot | None = None, **extensions: Any
    ) -> None:
        super().__init__(detail, **extensions)
        self.snapshot = snapshot


class UnexpectedState(StripeRefused):
    """Stripe refused because of the PaymentIntent's state; usually Stripe shows it."""


class Declined(StripeRefused):
    """The shopper's bank, or Stripe, declined an attempt to pay."""


class StripeUnavailable(Unavailable):
    """Stripe did not answer; the outcome is not known yet. Send the same request again."""

    code, title = "stripe_unavailable", "Stripe unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        if retry_after is not None:
            self.headers = {"Retry-After": str(retry_after)}


class StripeNotReached(StripeUnavailable):
    """Stripe can't be reached, and nothing was done. Send the same request again."""


class IdempotencyKeyConflict(StripeUnavailable):
    """The idempotency key was used with other parameters before, so something may have been made with it."""


class ReplayedServerError(StripeUnavailable):
    """Stripe replays the server error that this idempotency key first got, and will do nothing more under this key.

    The first request may have taken effect.
    """


class StripeMisconfigured(Unavailable):
    """Stripe does not accept this service's API key; its operators must correct it."""

    status, code, title = HTTPStatus.BAD_GATEWAY, "stripe_misconfigured", "Stripe misconfigured"
    headers: Mapping[str, str] = {}


class PermissionMissing(StripeMisconfigured):
    """This service's API key lacks a permission at Stripe; its operators must add it."""


class UnknownObject(StripeMisconfigured):
    """Stripe does not know an object that it made for this service: the key may be of another account.

    `python -m app doctor` compares the accounts.
    """

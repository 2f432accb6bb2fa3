"""The errors that the API answers with, in Stripe's shape.

ApiError
├── InvalidParamError       the parameters themselves are wrong: not stored under the idempotency key
├── CardError           402: the issuer said no
├── UnexpectedStateError     the PaymentIntent's status does not allow it
├── IdempotencyError    the key was used for something else
└── NotImplementedHereError  501: Stripe does it, the sandbox does not
"""

from http import HTTPStatus
from typing import Any

from sandbox.store import JsonObject

DOCS = "https://docs.stripe.com/error-codes"


class ApiError(Exception):
    status: int = HTTPStatus.BAD_REQUEST
    type = "invalid_request_error"
    is_stored = True
    """Whether a repetition with the same idempotency key gets this answer again."""

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status or self.status
        self.details = details
        self.headers: dict[str, str] = {}

    def body(self) -> JsonObject:
        code = {} if self.code is None else {"code": self.code, "doc_url": f"{DOCS}#{self.code.replace('_', '-')}"}
        details = {name: value for name, value in self.details.items() if value is not None}
        return {"error": {**code, **details, "message": self.message, "type": self.type}}


class InvalidParamError(ApiError):
    is_stored = False


class CardError(ApiError):
    status = HTTPStatus.PAYMENT_REQUIRED
    type = "card_error"


class UnexpectedStateError(ApiError):
    def __init__(self, message: str, payment_intent: JsonObject, param: str | None = None) -> None:
        super().__init__(message, code="payment_intent_unexpected_state", payment_intent=payment_intent, param=param)


class IdempotencyError(ApiError):
    type = "idempotency_error"
    is_stored = False


class NotImplementedHereError(ApiError):
    status = HTTPStatus.NOT_IMPLEMENTED
    type = "api_error"
    is_stored = False

    def __init__(self, what: str, param: str | None = None) -> None:
        super().__init__(f"The sandbox does not do this: {what}.", code="sandbox_not_implemented", param=param)
        self.headers["Stripe-Should-Retry"] = "false"


def missing(kind: str, identifier: str, param: str, status: int = HTTPStatus.BAD_REQUEST) -> ApiError:
    """Return the error for an object that does not exist: 404 for one named in the path, 400 in a parameter."""
    return ApiError(f"No such {kind}: '{identifier}'", code="resource_missing", param=param, status=status)

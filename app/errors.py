"""The trunk of the error tree. Each class fixes its HTTP status and stable code; the docstring is the promise.

PaymentsError
├── InvalidRequest                 400 invalid_request: the request itself is wrong, nothing was changed
│   └── ValidationFailed           422 validation_failed
├── Unauthorized                   401 unauthorized
├── Forbidden                      403 forbidden
├── NotFound                       404 not_found
├── Conflict                       409: right, but not in this state
├── TooManyRequests                429 too_many_requests
└── Unavailable                    503: not known yet, or not now; send the same request again

Each feature's own errors are in its `errors.py`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar


class PaymentsError(Exception):
    """Something that the caller is told as a problem document (RFC 9457)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"
    headers: Mapping[str, str] = {}
    extension_types: ClassVar[Mapping[str, Any]] = {}  # what the problem document may have besides, by name
    reason: str | None = None  # for our log alone: why it was refused, where the caller must not learn it

    def __init__(self, detail: str | None = None, *, reason: str | None = None, **extensions: Any) -> None:
        self.reason = reason
        self.detail = detail or " ".join((type(self).__doc__ or self.title).split())
        self.extensions = extensions
        super().__init__(self.detail)


class InvalidRequest(PaymentsError):
    """The request itself is wrong; nothing was changed."""

    status, code, title = HTTPStatus.BAD_REQUEST, "invalid_request", "Invalid request"


class ValidationFailed(InvalidRequest):
    """Some fields are not valid; `errors` names each with its reason."""

    status, code, title = HTTPStatus.UNPROCESSABLE_ENTITY, "validation_failed", "Validation failed"


class Unauthorized(PaymentsError):
    """A valid API key is required: send it as `Authorization: Bearer <key>`."""

    status, code, title = HTTPStatus.UNAUTHORIZED, "unauthorized", "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="payments"'}


class Forbidden(PaymentsError):
    """The API key is valid, but lacks the scope that this operation needs."""

    status, code, title = HTTPStatus.FORBIDDEN, "forbidden", "Forbidden"
    extension_types: ClassVar[Mapping[str, Any]] = {"scope": str}
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="payments", error="insufficient_scope"'}


class NotFound(PaymentsError):
    """There is nothing at this address."""

    status, code, title = HTTPStatus.NOT_FOUND, "not_found", "Not found"


class Conflict(PaymentsError):
    """The request is right, but not in the present state; nothing was changed."""

    status, code, title = HTTPStatus.CONFLICT, "conflict", "Conflict"


class TooManyRequests(PaymentsError):
    """Too many requests of this kind; send it again after `Retry-After` seconds."""

    status, code, title = HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", "Too many requests"

    def __init__(self, *, retry_after: float = 1) -> None:
        super().__init__()
        self.headers = {"Retry-After": str(max(1, ceil(retry_after)))}


class Unavailable(PaymentsError):
    """Not now; send the same request again."""

    status, code, title = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Unavailable"
    headers: Mapping[str, str] = {"Retry-After": "2"}

"""Who may not enter, or not so often: the part of the error tree that every operation may answer with.

PaymentsError
├── Unauthorized                   401 unauthorized
│   └── InvalidCredential          of the same code
├── Forbidden                      403 forbidden
└── TooManyRequests                429 too_many_requests
    └── TooManyFailedAttempts      too_many_failed_attempts
"""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

from app.errors import PaymentsError


class Unauthorized(PaymentsError):
    """A valid API key is required: send it as `Authorization: Bearer <key>`."""

    status, code, title = HTTPStatus.UNAUTHORIZED, "unauthorized", "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="payments"'}


class InvalidCredential(Unauthorized):
    """The API key or checkout token is not valid: unknown, wrong, revoked or expired."""

    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="payments", error="invalid_token"'}


class Forbidden(PaymentsError):
    """The API key is valid, but lacks the scope that this operation needs."""

    status, code, title = HTTPStatus.FORBIDDEN, "forbidden", "Forbidden"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="payments", error="insufficient_scope"'}


class TooManyRequests(PaymentsError):
    """Too many requests of this kind; send it again after `Retry-After` seconds."""

    status, code, title = HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", "Too many requests"

    def __init__(self, *, retry_after: float = 1) -> None:
        super().__init__()
        self.headers = {"Retry-After": str(max(1, ceil(retry_after)))}


class TooManyFailedAttempts(TooManyRequests):
    """Paying this reference failed too often, as when stolen cards are tried out; wait `Retry-After` seconds."""

    code, title = "too_many_failed_attempts", "Too many failed attempts"

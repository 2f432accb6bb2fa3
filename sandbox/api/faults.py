"""Planned failures: each waits for the next requests that it matches."""

import asyncio
import dataclasses
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from sandbox.errors import ApiError, IdempotencyError

FaultKind = Literal["lose_answer", "cut_answer", "drop", "fail", "malformed", "rate_limit", "lock_timeout", "conflict"]
CONFLICT, TOO_MANY, SERVER_ERROR = 409, 429, 500


@dataclass
class Match:
    """`path` is a shell pattern; None matches all."""

    method: str | None = None
    path: str | None = None

    def fits(self, method: str, path: str) -> bool:
        return self.method in {None, method} and (self.path is None or fnmatchcase(path, self.path))


@dataclass
class Fault(Match):
    kind: FaultKind = "fail"
    count: int = 1
    status: int = SERVER_ERROR
    code: str | None = None
    is_stored: bool = False
    """Whether the failure is what a repetition with the same key gets."""
    is_done: bool = False
    """Whether the work is done all the same."""
    is_shown: bool = False
    """Whether the error shows the PaymentIntent of the path, as Stripe's errors about a PaymentIntent do."""
    reason: str | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    """What the answer has besides, if it is an error: Retry-After, Stripe-Should-Retry."""

    @property
    def is_before_the_key(self) -> bool:
        """Whether the request fails before its idempotency key is looked at."""
        return self.kind in {"drop", "rate_limit", "lock_timeout", "conflict"} or (
            self.kind == "fail" and not self.is_stored and not self.is_done
        )

    def error(self) -> ApiError:
        error = self._error()
        error.headers.update(self.headers)
        return error

    def _error(self) -> ApiError:
        if self.kind == "rate_limit":
            return _rate_limit(self.reason or "global-rate")
        if self.kind == "lock_timeout":
            return _lock_timeout()
        if self.kind == "conflict":
            return _conflict()
        error = ApiError("An unknown error occurred.", code=self.code, status=self.status)
        error.type = "api_error" if self.status >= SERVER_ERROR else "invalid_request_error"
        error.is_stored = self.is_stored
        return error


def _rate_limit(reason: str) -> ApiError:
    message = (
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits."
    )
    error = ApiError(message, code="rate_limit", status=TOO_MANY)
    error.is_stored = False
    error.headers["Stripe-Rate-Limited-Reason"] = reason
    return error


def _lock_timeout() -> ApiError:
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request. If you see this error frequently and are making "
        "multiple concurrent requests to a single object, make your requests serially or at a lower rate."
    )
    error = ApiError(message, code="lock_timeout", status=TOO_MANY)
    error.is_stored = False
    return error


def _conflict() -> ApiError:
    message = "There is currently another in-progress request using this Idempotent Key. Please try again later."
    return IdempotencyError(message, code="idempotency_key_in_use", status=CONFLICT)


@dataclass
class Latency(Match):
    seconds: float = 0.0


@dataclass(eq=False)
class Hold(Match):
    """Requests that match wait until it is released: before the work, or after it."""

    is_after: bool = False
    waiting: int = 0
    released: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class Faults:
    def __init__(self) -> None:
        self.planned: list[Fault] = []
        self.latencies: list[Latency] = []
        self.holds: list[Hold] = []

    def clear(self) -> None:
        self.planned.clear()
        self.latencies.clear()
        self.release(None)

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self.planned:
            if fault.fits(method, path):
                fault.count -= 1
                if fault.count <= 0:
                    self.planned.remove(fault)
                return fault
        return None

    def release(self, path: str | None) -> int:
        """Release this hold, or all of them; return how many requests waited there."""
        released = [hold for hold in self.holds if path in {None, hold.path}]
        for hold in released:
            hold.released.set()
            self.holds.remove(hold)
        return sum(hold.waiting for hold in released)

    async def delay(self, method: str, path: str) -> None:
        """Wait as long as the latest matching latency says, then at the holds."""
        for latency in reversed(self.latencies):
            if latency.fits(method, path):
                await asyncio.sleep(latency.seconds)
                break
        await self.wait(method, path, is_after=False)

    async def wait(self, method: str, path: str, *, is_after: bool) -> None:
        for hold in list(self.holds):
            if hold.is_after == is_after and hold.fits(method, path):
                hold.waiting += 1
                try:
                    await hold.released.wait()
                finally:
                    hold.waiting -= 1

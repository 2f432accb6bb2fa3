"""How often somebody may fail, or use a token.

Counted in this process alone: with N replicas a limit is N times as high. Each count is one entry of a bounded cache
that forgets by time: constant work and memory, whoever fails how often.
"""

import time
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from cachetools import TTLCache

from app.errors import TooManyRequests

# Of one kind of count; about 200 bytes each. Beyond them the oldest is forgotten.
MAX_NAMES = 10_000


class FixedWindow:
    """Counts by name; a name's count ends `seconds` after its first."""

    def __init__(self, limit: int, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._seconds = seconds
        self._windows: TTLCache[str, _Window] = TTLCache(MAX_NAMES, seconds, timer=clock)

    def count(self, name: str) -> bool:
        """Count one more; return whether it is within the limit."""
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = _Window(self._clock() + self._seconds)
        window.count += 1
        return window.count <= self._limit

    def take_back(self, name: str) -> None:
        """Undo one count."""
        if window := self._windows.get(name):
            window.count -= 1

    def seconds_left(self, name: str) -> float:
        """Return when the name's count ends."""
        window = self._windows.get(name)
        return window.ends_at - self._clock() if window else 0


class _Window:
    __slots__ = ("count", "ends_at")

    def __init__(self, ends_at: float) -> None:
        self.count = 0
        self.ends_at = ends_at


class RateLimits:
    """Bounds on the failed authentications of an address and on the requests of a checkout token."""

    def __init__(self, *, failed_authentications_per_minute: int, token_requests_per_second: int) -> None:
        self._failures = FixedWindow(failed_authentications_per_minute, 60)
        self._token_requests = FixedWindow(token_requests_per_second, 1)

    def begin_attempt(self, address: str) -> bool:
        """Count an authentication as failed until it succeeds; return whether the address has not failed too often."""
        return self._failures.count(network_of(address))

    def succeed(self, address: str) -> None:
        """Take the count of a successful authentication back."""
        self._failures.take_back(network_of(address))

    def too_many_failures(self, address: str) -> TooManyRequests:
        return TooManyRequests(retry_after=self._failures.seconds_left(network_of(address)))

    def count_token_request(self, token_id: str) -> None:
        """Raise TooManyRequests when the token is used too often."""
        if not self._token_requests.count(token_id):
            raise TooManyRequests(retry_after=self._token_requests.seconds_left(token_id))


def network_of(address: str) -> str:
    """Return the network of one subscriber: an IPv6 host has 2^64 addresses to choose from."""
    try:
        return str(IPv4Address(address))
    except AddressValueError:
        pass
    try:
        return str(IPv6Network((IPv6Address(address), 64), strict=False))
    except AddressValueError:
        return address[:64]

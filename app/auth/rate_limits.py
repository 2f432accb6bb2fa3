"""How often somebody may knock. Counted in this process's memory alone: with N replicas a bound is N times as high."""

import time
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from app.errors import TooManyRequests


class Rates:
    """Bounds on the failed authentications of an address and on the requests of a checkout token."""

    def __init__(self, *, failed_authentications_per_minute: int, token_requests_per_second: int) -> None:
        self._failures = RateLimitItemPerMinute(failed_authentications_per_minute, namespace="failures")
        self._token_requests = RateLimitItemPerSecond(token_requests_per_second, namespace="token")
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    async def check_failures(self, address: str) -> None:
        """Raise TooManyRequests when too many authentications from the address failed."""
        if not await self._windows.test(self._failures, _network(address)):
            await self._refuse(self._failures, _network(address))

    async def count_failure(self, address: str) -> None:
        await self._windows.hit(self._failures, _network(address))

    async def count_token_request(self, token_id: str) -> None:
        """Raise TooManyRequests when the token is used too often."""
        if not await self._windows.hit(self._token_requests, token_id):
            await self._refuse(self._token_requests, token_id)

    async def _refuse(self, bound: RateLimitItem, name: str) -> None:
        window = await self._windows.get_window_stats(bound, name)
        raise TooManyRequests(retry_after=window.reset_time - time.time())


def _network(address: str) -> str:
    """Name the network of one subscriber: an IPv6 host has 2^64 addresses to choose from."""
    try:
        return str(IPv4Address(address))
    except AddressValueError:
        pass
    try:
        return str(IPv6Network((IPv6Address(address), 64), strict=False))
    except AddressValueError:
        return address

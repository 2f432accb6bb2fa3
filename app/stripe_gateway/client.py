"""Send requests to Stripe, a bounded number at once. All tries of a call share one deadline and one key."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import stripe
from stripe import StripeClient, StripeResponse

from app.observability.metrics import STRIPE_CALLS
from app.settings import Settings
from app.stripe_gateway.error_mapping import to_payments_error
from app.stripe_gateway.errors import StripeNotReached, StripeRefused, StripeUnavailable
from app.stripe_gateway.rate_limiter import RateLimiter
from app.stripe_gateway.retries import TRY_SHARE, had_no_effect, lowercase_names, retrying
from app.stripe_gateway.snapshots import Json
from app.stripe_gateway.transport import Transport

Params = Mapping[str, Any]

# Stripe's own libraries write a telemetry id under the home directory unless told not to.
stripe.enable_telemetry = False

# What the library raises when an answer is not Stripe's.
LIBRARY_PARSE_ERRORS = (ValueError, TypeError, AttributeError)


# The largest page of Stripe's lists.
PAGE_SIZE = 100


class StripeHttp:
    """Stripe's API over HTTP. Bound to one event loop."""

    def __init__(
        self,
        client: StripeClient,
        timeout: timedelta,
        slots: asyncio.Semaphore,
        rate_limiter: RateLimiter | None,
        *,
        is_unhurried: bool = False,
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._slots = slots
        self._rate_limiter = rate_limiter
        self._is_unhurried = is_unhurried

    def unhurried(self) -> "StripeHttp":
        """Return the same for calls that nobody waits for: in the background they let all others go first."""
        return StripeHttp(self._client, self._timeout, self._slots, self._rate_limiter, is_unhurried=True)

    def deadline(self) -> float:
        """Return when a call that begins now must have ended, in the event loop's time."""
        return asyncio.get_running_loop().time() + self._timeout.total_seconds()

    async def send(
        self, method: str, path: str, params: Params, *, key: str | None = None, deadline: float | None = None
    ) -> tuple[Json, Mapping[str, str]]:
        """Return the body and the headers, their names in lower case.

        Raises StripeRefused, StripeMisconfigured, StripeNotReached, or StripeUnavailable (the outcome is unknown).
        """
        if self._slots.locked():
            raise StripeNotReached("Too many calls to Stripe are under way. Send the same request again.")
        options = {"idempotency_key": key} if key else {}
        request = partial(self._client.raw_request_async, method, path, **params, **options)
        tries, began, outcome = _Tries(request, self._pace), time.monotonic(), "unavailable"
        try:
            async with self._slots, asyncio.timeout_at(deadline or self.deadline()):
                response: StripeResponse = await retrying(self._timeout)(tries.make)
            outcome = "ok"
        except stripe.StripeError as error:
            # The cause holds Stripe's body, and the body holds the client secret.
            failed = to_payments_error(error, is_outcome_unknown=tries.unknown_outcomes > 0)
            outcome = "refused" if isinstance(failed, StripeRefused) else outcome
            raise failed from None
        except (TimeoutError, *LIBRARY_PARSE_ERRORS) as error:
            raise to_payments_error(error, is_outcome_unknown=tries.unknown_outcomes > 0) from error
        finally:
            STRIPE_CALLS.labels(outcome).observe(time.monotonic() - began)
        if not isinstance(response.data, Mapping):
            raise StripeUnavailable
        return response.data, lowercase_names(response.headers)

    async def list_all(self, path: str, params: Params, *, is_long: bool = False) -> AsyncIterator[Json]:
        """Yield every object of a list; all its pages share the deadline of one call, unless it may be long."""
        deadline, cursor = None if is_long else self.deadline(), dict[str, str]()
        while True:
            params_of_page = {**params, "limit": PAGE_SIZE, **cursor}
            page, _ = await self.send("get", path, params_of_page, deadline=deadline)
            for obj in page["data"]:
                yield obj
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}

    async def _pace(self) -> None:
        """Wait until the background's share of Stripe's rate limit has room for a call."""
        if self._rate_limiter is not None:
            await self._rate_limiter.acquire(is_unhurried=self._is_unhurried)


@dataclass(slots=True)
class _Tries:
    """The tries of one call. Those counted in `unknown_outcomes` may have taken effect, or may still take effect."""

    request: Callable[[], Awaitable[StripeResponse]]
    pace: Callable[[], Awaitable[None]]
    unknown_outcomes: int = 0

    async def make(self) -> StripeResponse:
        await self.pace()
        self.unknown_outcomes += 1
        try:
            return await self.request()
        except stripe.StripeError as error:
            if had_no_effect(error):
                self.unknown_outcomes -= 1
            raise


@asynccontextmanager
async def open_http(settings: Settings, *, is_background: bool = False) -> AsyncIterator[StripeHttp]:
    """Open the connections. In the background, calls are limited to the rate that the settings allow."""
    connector = aiohttp.TCPConnector(limit=0)  # no call waits for a connection: `_slots` bounds the calls
    timeout = aiohttp.ClientTimeout(total=settings.stripe_timeout.total_seconds() * TRY_SHARE)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        client = StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            http_client=Transport(session),
            max_network_retries=0,  # retries.py does it
            base_addresses={"api": settings.stripe_api_base} if settings.stripe_api_base else {},
        )
        slots = asyncio.Semaphore(settings.max_stripe_calls)
        rate_limiter = RateLimiter(settings.background_calls_per_second) if is_background else None
        yield StripeHttp(client, settings.stripe_timeout, slots, rate_limiter)

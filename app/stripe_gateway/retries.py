"""Which failed calls are retried under the same idempotency key, and after what wait.

The library's own retries are off: they leave out Stripe's rate limits (429, `lock_timeout` among them) and know no
deadline. Source: docs.stripe.com/error-low-level.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import aiohttp
import stripe
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

# More would only add load while Stripe has an outage: the caller, or the next sweep, tries again anyway.
MAX_TRIES = 3

# One try gets this share of a call's time, so that a connection that hangs leaves time for another.
TRY_SHARE = 0.6

# Up to half a second, then up to a second, at random: calls that failed together must not be retried together.
BACKOFF = wait_random_exponential(multiplier=0.5, min=0.1, max=2)


def retrying(timeout: timedelta) -> AsyncRetrying:
    """Return a controller that retries what may succeed, as long as the wait before it ends within the timeout."""
    return AsyncRetrying(
        retry=retry_if_exception(_is_retryable),
        wait=_wait_seconds,
        stop=stop_after_attempt(MAX_TRIES) | stop_before_delay(timeout),
        reraise=True,
    )


def had_no_effect(error: BaseException | None) -> bool:
    """Whether this try certainly had no effect at Stripe: it was rate limited, or never reached Stripe."""
    if isinstance(error, stripe.APIConnectionError):
        return isinstance(error.__cause__, aiohttp.ClientConnectorError)
    return isinstance(error, stripe.RateLimitError)


def retry_after(error: BaseException | None) -> int | None:
    """Return the seconds that Stripe asks to wait, None when it does not ask."""
    seconds = headers_of(error).get("retry-after", "")
    return int(seconds) if seconds.isdecimal() and len(seconds) <= len("3600") else None


def headers_of(error: BaseException | None) -> Mapping[str, str]:
    """Return the headers of the answer behind the error, their names in lower case."""
    headers = error.headers if isinstance(error, stripe.StripeError) else None
    return lowercase_names(headers)


def lowercase_names(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def is_replay(headers: Mapping[str, str]) -> bool:
    """Whether Stripe replayed its first answer to a known idempotency key."""
    return headers.get("idempotent-replayed") == "true"


def _is_retryable(error: BaseException) -> bool:
    """Whether a retry may succeed. Stripe's advice comes first; a replayed answer would only be replayed again."""
    headers = headers_of(error)
    if is_replay(headers):
        return False
    match headers.get("stripe-should-retry"):
        case "true":
            return True
        case "false":
            return False
    match error:
        case stripe.APIConnectionError() | stripe.RateLimitError():
            return True
        case stripe.StripeError(http_status=int(status)):
            return status == HTTPStatus.CONFLICT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        case _:
            return False


def _wait_seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(BACKOFF(state), retry_after(error) or 0)

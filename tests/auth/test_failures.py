"""Failed authentications are limited; what is valid is accepted all the same."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from app.auth.checkout_tokens import LEEWAY, CheckoutTokens
from app.auth.rate_limits import MAX_NAMES, FixedWindow, RateLimits
from app.payment_intents.protocol.terms import Reference
from app.settings import Settings
from tests.conftest import NewKey

CART = "/v1/carts/c1/payment-intent"
LIMIT = 5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"failed_authentications_per_minute": LIMIT})


def wrong_keys() -> Iterator[dict[str, str]]:
    """Return wrong keys, none twice."""
    for number in range(10**6):
        yield {"Authorization": f"Bearer pay_{number:016x}_{'0' * 64}"}


async def fail(client: httpx.AsyncClient, times: int) -> list[int]:
    """Fail so often at once; return the statuses in order."""
    tries = [client.get(CART, headers=wrong) for _, wrong in zip(range(times), wrong_keys(), strict=False)]
    return sorted(answer.status_code for answer in await asyncio.gather(*tries))


async def test_failures_at_once_are_counted_before_they_are_looked_up(anonymous: httpx.AsyncClient) -> None:
    assert await fail(anonymous, 40) == [401] * LIMIT + [429] * (40 - LIMIT)


async def test_a_key_that_nobody_proved_yet_is_accepted_from_an_address_that_failed_too_often(
    anonymous: httpx.AsyncClient, new_key: NewKey
) -> None:
    await fail(anonymous, 3 * LIMIT)
    key = await new_key("payments:read")
    answer = await anonymous.get(CART, headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")


async def test_a_checkout_token_is_accepted_from_an_address_that_failed_too_often(
    anonymous: httpx.AsyncClient, settings: Settings
) -> None:
    await fail(anonymous, 3 * LIMIT)
    tokens = CheckoutTokens(settings.checkout_token_keys, instance=settings.instance)
    token, _ = tokens.issue(Reference("cart", "c1"))
    answer = await anonymous.get(CART, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_intent_not_found")


async def test_a_success_is_no_failure(api: httpx.AsyncClient, new_key: NewKey) -> None:
    for _ in range(2 * LIMIT):
        key = await new_key("payments:read")
        assert (await api.get(CART, headers={"Authorization": f"Bearer {key}"})).status_code == 404
    assert await fail(api, LIMIT) == [401] * LIMIT


async def test_why_a_key_was_refused_is_logged_and_not_answered(anonymous: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await anonymous.get(CART, headers=next(wrong_keys()))
    [line] = [line for line in lines if line["event"] == "request.answered"]
    assert (line["status"], line["code"]) == (401, "unauthorized")
    assert "127.0.0.1" in line["reason"]
    assert "127.0.0.1" not in answer.text


def test_a_token_of_a_replica_whose_clock_is_ahead_is_accepted(settings: Settings) -> None:
    tokens = CheckoutTokens(settings.checkout_token_keys, instance=settings.instance)
    reference = Reference("cart", "c1")
    now = datetime.now(UTC)
    ahead, too_far = (tokens.issue(reference, now=now + by)[0] for by in (LEEWAY / 2, 3 * LEEWAY))
    assert tokens.verify(ahead) is not None
    assert tokens.verify(too_far) is None


def test_a_window_ends_after_its_time() -> None:
    now = 0.0
    window = FixedWindow(2, 60, clock=lambda: now)
    assert [window.count("a") for _ in range(3)] == [True, True, False]
    now = 59
    assert not window.count("a")
    assert window.seconds_left("a") == 1
    now = 60
    assert window.count("a")


def test_failures_from_many_addresses_take_constant_time_and_bounded_memory() -> None:
    limits = RateLimits(failed_authentications_per_minute=300, token_requests_per_second=10)

    def seconds_for(first: int) -> float:
        began = time.process_time()
        for number in range(first, first + 2_000):
            limits.begin_attempt(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        return time.process_time() - began

    few = min(seconds_for(number * 2_000) for number in range(3))
    for number in range(3, 30):
        seconds_for(number * 2_000)
    many = min(seconds_for(number * 2_000) for number in range(30, 33))
    assert many < 5 * few
    assert len(limits._failures._windows) <= MAX_NAMES


def test_one_ipv6_subscriber_is_one_name() -> None:
    limits = RateLimits(failed_authentications_per_minute=1, token_requests_per_second=10)
    assert limits.begin_attempt("2001:db8::1")
    assert not limits.begin_attempt("2001:db8::2")
    assert limits.begin_attempt("2001:db8:0:1::1")
    assert limits.too_many_failures("2001:db8::9").headers["Retry-After"] in {str(n) for n in range(58, 61)}


async def test_a_flood_of_wrong_keys_waits_in_a_line_of_bounded_length(
    anonymous: httpx.AsyncClient, new_key: NewKey
) -> None:
    key = await new_key("payments:read")
    flood = asyncio.create_task(fail(anonymous, 80))
    proved = [await anonymous.get(CART, headers={"Authorization": f"Bearer {key}"}) for _ in range(20)]
    assert 1 <= (await flood).count(401) <= LIMIT  # the key counts as failed until it is proved
    assert {answer.status_code for answer in proved} <= {404, 429, 503}  # a busy machine answers some of them late
    assert proved[-1].status_code == 404


def test_leeway_is_some_seconds() -> None:
    assert timedelta(seconds=1) <= LEEWAY <= timedelta(seconds=10)

"""Calls to Stripe end in time, are retried only when that helps, and say whether Stripe may have done something."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from app.dev.ports import free_port
from app.errors import Unavailable
from app.settings import Settings
from app.stripe_gateway import PaymentIntentSnapshot, StripeGateway, open_gateway
from app.stripe_gateway.errors import StripeMisconfigured, StripeNotReached, StripeRefused, StripeUnavailable
from sandbox.client import SandboxClient
from tests.stripe_gateway.conftest import INTENT, Behaviour, Play, answer, hang, trickle
from tests.waiting import until_held

ERROR = b'{"error": {"type": "api_error", "message": "no"}}'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Allow one call at a time."""
    return settings.model_copy(update={"max_stripe_calls": 1, "background_calls_per_second": 1})


async def _create(gateway: StripeGateway) -> str:
    return (await gateway.create_payment_intent({"amount": 1000, "currency": "eur"}, key="k1")).id


async def test_a_connection_that_hangs_leaves_time_for_another_with_the_same_key(play: Play) -> None:
    gateway, script = await play(hang, answer(200), seconds=3)
    assert await _create(gateway) == "pi_1"
    assert (len(script.times), len(script.keys)) == (2, 1)


@pytest.mark.parametrize("behaviour", [hang, trickle])
async def test_a_call_ends_at_its_deadline_whatever_stripe_does(play: Play, behaviour: Behaviour) -> None:
    gateway, _ = await play(behaviour, seconds=1)
    with pytest.raises(StripeUnavailable) as caught:
        async with asyncio.timeout(10):
            await _create(gateway)
    assert not isinstance(caught.value, StripeNotReached)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_for(play: Play, status: int) -> None:
    gateway, script = await play(answer(status, ERROR, b"Retry-After: 1"), answer(200))
    await _create(gateway)
    [pause] = [later - earlier for earlier, later in pairwise(script.times)]
    assert pause >= 1  # without it, half a second at most


async def test_a_retry_after_beyond_the_deadline_is_passed_to_the_caller(play: Play) -> None:
    gateway, script = await play(answer(503, ERROR, b"Retry-After: 30"), answer(200))
    with pytest.raises(StripeUnavailable) as caught:
        await _create(gateway)
    assert caught.value.headers == {"Retry-After": "30"}
    assert len(script.times) == 1


@pytest.mark.parametrize(
    "wish",
    [b"soon", b"-1", b"99999", b"1e3", b"\xb2", b"Wed, 21 Oct 2026 07:28:00 GMT"],
    ids=["a word", "negative", "too long", "with an exponent", "a superscript digit", "a date"],
)
async def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(play: Play, wish: bytes) -> None:
    gateway, script = await play(answer(503, ERROR, b"Retry-After: " + wish), answer(200))
    await _create(gateway)
    assert len(script.times) == 2


@pytest.mark.parametrize(
    ("status", "advice", "attempts"),
    [(503, b"false", 1), (429, b"false", 1), (400, b"true", 2)],
    ids=["503, do not retry", "429, do not retry", "400, retry"],
)
async def test_stripe_should_retry_is_obeyed(play: Play, status: int, advice: bytes, attempts: int) -> None:
    gateway, script = await play(answer(status, ERROR, b"Stripe-Should-Retry: " + advice), answer(200))
    with suppress(StripeUnavailable):
        await _create(gateway)
    assert len(script.times) == attempts


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 424])
async def test_a_definite_answer_is_not_retried(play: Play, status: int) -> None:
    gateway, script = await play(answer(status, ERROR))
    with pytest.raises((StripeRefused, Unavailable)):
        await _create(gateway)
    assert len(script.times) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_our_log_has_stripes_reason_why_the_key_is_not_accepted(play: Play, status: int) -> None:
    message = "The provided key does not have the required permissions: rak_charge_read."
    gateway, _ = await play(answer(status, json.dumps({"error": {"type": "x", "message": message}}).encode()))
    with pytest.raises(StripeMisconfigured) as caught:
        await _create(gateway)
    assert caught.value.reason == message
    assert message not in caught.value.detail


async def test_a_refusal_carries_stripes_code_and_parameter(play: Play) -> None:
    refusal = {"type": "invalid_request_error", "code": "some_code", "param": "currency", "message": "Invalid currency"}
    gateway, _ = await play(answer(400, json.dumps({"error": refusal}).encode()))
    with pytest.raises(StripeRefused, match="Invalid currency") as caught:
        await _create(gateway)
    assert caught.value.extensions == {"stripe_code": "some_code", "stripe_param": "currency"}


async def test_a_replayed_server_error_is_an_unknown_outcome_and_ends_the_retries(
    settings: Settings, sandbox: SandboxClient
) -> None:
    await sandbox.fail_next(500, stored=True)
    async with open_gateway(settings) as gateway:
        with pytest.raises(StripeUnavailable) as caught:
            await _create(gateway)
    assert not isinstance(caught.value, StripeNotReached)
    assert [request["replayed"] for request in await sandbox.requests()] == [False, True]


async def _cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff\r\n\r\n" * 10)


async def _close(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    pass


ODD = {
    "cut body": _cut,
    "reset": _reset,
    "no HTTP": _babble,
    "closed": _close,
    "no gzip": answer(200, INTENT, b"Content-Encoding: gzip"),
    "no UTF-8": answer(200, b"\xff\xfe"),
    "no JSON": answer(200, b"<html>"),
    "no object": answer(200, b"[1]"),
    "not what was asked for": answer(200, b"{}"),
    "deep": answer(200, b"[" * 100_000),
    "a huge header": answer(200, INTENT, b"X: " + b"x" * 100_000),
    "a strange error": answer(500, b'{"error": []}'),
    "a strange limit": answer(500, b'"error"'),
    "elsewhere": answer(302, b"", b"Location: /v1/elsewhere"),
}


@pytest.mark.parametrize("behaviour", ODD.values(), ids=ODD)
async def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(play: Play, behaviour: Behaviour) -> None:
    gateway, _ = await play(behaviour)
    with pytest.raises(StripeUnavailable) as caught:
        await _create(gateway)
    assert not isinstance(caught.value, StripeNotReached)


@pytest.mark.parametrize("trouble", ["rate_limit_next", "lock_timeout_next"])
async def test_what_a_rate_limit_refused_was_certainly_not_done(
    settings: Settings, sandbox: SandboxClient, trouble: str
) -> None:
    await getattr(sandbox, trouble)(count=3)
    async with open_gateway(settings) as gateway:
        with pytest.raises(StripeNotReached):
            await _create(gateway)


async def test_one_lost_answer_among_rate_limited_ones_makes_the_outcome_unknown(
    settings: Settings, sandbox: SandboxClient
) -> None:
    await sandbox.lose_next_answer()
    await sandbox.rate_limit_next(count=2)
    async with open_gateway(settings) as gateway:
        with pytest.raises(StripeUnavailable) as caught:
            await _create(gateway)
    assert not isinstance(caught.value, StripeNotReached)
    assert await sandbox.count("payment_intents") == 1


PAGE = b'{"object": "list", "has_more": true, "data": [{"id": "pi_x", "metadata": null}]}'
WANTED = b'{"object": "list", "has_more": false, "data": [{"id": "pi_x"}, %s]}' % INTENT.replace(
    b"{", b'{"metadata": {"a": "b", "c": "d"}, '
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def _find(gateway: StripeGateway) -> PaymentIntentSnapshot | None:
    return await gateway.find_payment_intent(metadata={"a": "b"}, created_after=LONG_AGO, created_before=None)


async def test_a_list_without_an_end_takes_no_longer_than_a_call(play: Play) -> None:
    gateway, script = await play(answer(200, PAGE), seconds=1)
    with pytest.raises(StripeUnavailable):
        async with asyncio.timeout(10):
            await _find(gateway)
    assert len(script.times) > 1


async def test_ours_is_found_among_objects_that_cannot_be_read(play: Play) -> None:
    gateway, _ = await play(answer(200, PAGE), answer(200, WANTED))
    found = await _find(gateway)
    assert found is not None
    assert found.id == "pi_1"


@pytest.mark.parametrize(
    "page",
    [b"{}", b'{"data": 1, "has_more": false}', b'{"data": [1], "has_more": false}'],
    ids=["no data", "a number for data", "numbers in data"],
)
async def test_a_malformed_list_is_an_unknown_outcome(play: Play, page: bytes) -> None:
    gateway, _ = await play(answer(200, page))
    with pytest.raises(StripeUnavailable):
        await _find(gateway)


async def test_a_refused_connection_means_that_nothing_was_done(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"stripe_api_base": f"http://127.0.0.1:{free_port()}"})
    async with open_gateway(nowhere) as gateway:
        with pytest.raises(StripeNotReached):
            await _create(gateway)


async def test_a_cancelled_call_makes_room_for_another(settings: Settings, sandbox: SandboxClient) -> None:
    await sandbox.hold()
    async with open_gateway(settings) as gateway:
        call = asyncio.create_task(gateway.retrieve_account())
        await until_held(sandbox)
        with pytest.raises(StripeNotReached):
            await gateway.retrieve_account()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await sandbox.clear_faults()
        await gateway.retrieve_account()
    assert len(await sandbox.requests()) == 2

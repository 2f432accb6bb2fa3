"""What is too large, too deep or too often is refused with a clean answer, and the next request works."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from app.http.request_limits import is_deeper
from app.http.server import MAX_HEAD
from app.settings import Settings
from tests.processes import api_process

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}
MEGABYTE = 1024 * 1024
SIGNED = {"Stripe-Signature": f"t=1790000000,v1={'0' * 64}"}  # without one, no body of a webhook is read
ENOUGH = 1000 * MAX_HEAD  # the kernel's buffers take some of it


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield b"x" * 65536


@pytest.mark.parametrize("path", [CART, "/v1/stripe/webhook"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "without a length"])
async def test_an_oversized_body_is_a_clean_413(api: httpx.AsyncClient, path: str, *, is_chunked: bool) -> None:
    body = _chunks(8 * MEGABYTE) if is_chunked else b"x" * 8 * MEGABYTE
    answer = await api.request("PUT" if path == CART else "POST", path, content=body, headers=SIGNED)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "body_too_large"
    assert (await api.get("/livez")).status_code == 200


async def test_a_webhook_may_be_larger_than_a_request_of_ours(api: httpx.AsyncClient, settings: Settings) -> None:
    body = b"x" * (settings.max_body_bytes + 1)
    answers = [await api.post("/v1/stripe/webhook", content=body), await api.put(CART, content=body)]
    assert [answer.json()["code"] for answer in answers] == ["invalid_signature", "body_too_large"]


@pytest.mark.parametrize("where", ["header", "query"])
async def test_oversized_headers_are_a_clean_431(api: httpx.AsyncClient, settings: Settings, where: str) -> None:
    padding = "x" * settings.max_header_bytes
    answer = await api.get(
        CART,
        headers={"X-Padding": padding} if where == "header" else {},
        params={"q": padding} if where == "query" else {},
    )
    assert answer.status_code == 431
    assert answer.json()["code"] == "headers_too_large"


LONG = pytest.mark.slow


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"GET /", marks=LONG),
        b"GET / HTTP/1.1\r\nX-Padding: ",
        pytest.param(b"GET / HTTP/1.1\r\n", marks=LONG),
    ],
    ids=["a path", "a header", "headers"],
)
async def test_a_head_without_an_end_is_cut_off(settings: Settings, start: bytes) -> None:
    """The server alone would read it until memory is full."""
    filling = b"a: b\r\n" * 1000 if start.endswith(b"\r\n") else b"x" * 6000
    async with api_process(settings) as (_, url):
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
        writer.write(start)
        sent, answer = 0, asyncio.create_task(reader.read())
        with suppress(ConnectionError):
            while not answer.done() and sent < ENOUGH:
                writer.write(filling)
                await writer.drain()
                sent += len(filling)
        with suppress(ConnectionError):
            await answer
        writer.close()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            alive = await client.get("/livez")
    assert sent < ENOUGH
    assert alive.status_code == 200
    assert "server" not in alive.headers


@pytest.mark.parametrize(
    "body",
    [b"[" * 30_000, b'{"a":' * 10_000, b'{"metadata": ' + b"[" * 9 + b"]" * 9 + b"}"],
    ids=["deep lists", "deep objects", "one level too many"],
)
async def test_json_that_is_too_deep_is_refused_before_it_is_parsed(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.put(CART, content=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "json_too_deep"


def test_depth_is_what_a_parser_would_find() -> None:
    def nested(depth: int) -> bytes:
        return json.dumps({"a": json.loads("[" * (depth - 1) + "]" * (depth - 1))}).encode()

    assert [is_deeper(nested(depth), 8) for depth in (7, 8, 9)] == [False, False, True]
    assert not is_deeper(json.dumps({"a": "[{" * 50, "b": '\\"[[[[[[[[['}).encode(), 8)
    assert not is_deeper(json.dumps([[]] * 50).encode(), 8)

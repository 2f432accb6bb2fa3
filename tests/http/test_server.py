"""What the server itself answers, before any of the application: over raw sockets."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.http.security_headers import HEADERS
from app.http.server import MAX_FIELDS, MAX_HEAD, OTHER_FILES, Bounds, server_config
from app.settings import Settings
from tests.http.raw import Answer, connect, request
from tests.processes import api_process

CART = "/v1/carts/c1/payment-intent"
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")
SIGNED = f"Stripe-Signature: t=1790000000,v1={'0' * 64}"
WRONG_KEY = f"Authorization: Bearer pay_{'0' * 16}_{'0' * 64}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "request_head_timeout": timedelta(seconds=0.3),
            "request_body_timeout": timedelta(seconds=0.5),
            "max_connections_per_address": 20,
        }
    )


def assert_is_problem(answer: Answer, status: int, code: str) -> None:
    """Fail unless it is a problem like all others, with every header that all answers have."""
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json["request_id"]
    assert {name: answer.headers.get(name.lower()) for name in HEADERS} == {
        name: value.lower() for name, value in HEADERS.items()
    }


async def test_what_is_no_http_gets_a_problem(anonymous: httpx.AsyncClient, api_url: str) -> None:
    async with connect(api_url) as connection:
        await connection.send(b"NONSENSE\r\n\r\n")
        assert_is_problem(await connection.answer(), 400, "malformed_request")
        assert await connection.is_closed()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /livez HT", id="half a request line"),
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: test\r\nX-A: b", id="half a head"),
        pytest.param(request("PUT", CART, "Content-Length: 10", body=b"{"), id="a part of the body"),
        pytest.param(request("PUT", CART, *CHUNKED, body=b"5\r\n{"), id="a part of a chunk"),
        pytest.param(request("PUT", CART, *CHUNKED, body=b"2\r\n{}\r\n0\r\na: b\r\n"), id="trailers without an end"),
        pytest.param(
            request("POST", "/v1/stripe/webhook", SIGNED, "Content-Length: 10", body=b"{"), id="half a webhook"
        ),
    ],
)
async def test_a_request_that_does_not_arrive_in_time_is_a_408(
    anonymous: httpx.AsyncClient, api_url: str, sent: bytes
) -> None:
    async with connect(api_url) as connection:
        await connection.send(sent)
        assert_is_problem(await connection.answer(seconds=5), 408, "request_timeout")
        assert await connection.is_closed()


async def test_a_request_in_time_is_answered_after_others_on_its_connection(
    anonymous: httpx.AsyncClient, api_url: str
) -> None:
    async with connect(api_url) as connection:
        for _ in range(3):
            await connection.send(request("GET", "/livez"))
            assert (await connection.answer()).status == 200
            await asyncio.sleep(0.4)  # longer than a head may take: between requests it is the keep-alive that counts


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: test\r\n", id="headers"),
        pytest.param(request("PUT", CART, *CHUNKED, body=b"2\r\n{}\r\n0\r\n"), id="trailers"),
    ],
)
async def test_fields_are_counted(anonymous: httpx.AsyncClient, api_url: str, sent: bytes) -> None:
    async with connect(api_url) as connection:
        await connection.send(sent + b"a:\r\n" * (MAX_FIELDS + 1))
        answer = await connection.answer()
        assert_is_problem(answer, 431, "headers_too_large")
        assert answer.json["max_fields"] == MAX_FIELDS


async def test_trailers_are_bounded(anonymous: httpx.AsyncClient, api_url: str) -> None:
    async with connect(api_url) as connection:
        await connection.send(request("PUT", CART, *CHUNKED, body=b"2\r\n{}\r\n0\r\n"))
        sending = asyncio.create_task(connection.send(b"a: " + b"b" * (1000 * MAX_HEAD)))
        assert_is_problem(await connection.answer(), 431, "headers_too_large")
        assert await connection.is_closed()
        await sending


@pytest.mark.parametrize("is_late", [False, True], ids=["with the body", "after the body"])
async def test_a_trailer_never_becomes_a_header(api: httpx.AsyncClient, api_url: str, *, is_late: bool) -> None:
    body = b'{"amount": 1000, "currency": "eur"}'
    chunked = request("PUT", CART, *CHUNKED, body=b"%x\r\n%s\r\n0\r\n" % (len(body), body))
    trailers = f"Authorization: {api.headers['authorization']}\r\nX-Request-ID: from-a-trailer\r\n\r\n".encode()
    async with connect(api_url) as connection:
        for part in (chunked, trailers) if is_late else (chunked + trailers,):
            await connection.send(part)
        answer = await connection.answer()
    assert_is_problem(answer, 401, "unauthorized")
    assert answer.headers["x-request-id"] != "from-a-trailer"


async def test_small_chunks_of_a_whole_body_are_taken(api: httpx.AsyncClient, api_url: str) -> None:
    body = b'{"amount": 1000, "currency": "eur"}'
    chunks = b"".join(b"1;note=%s\r\n%c\r\n" % (b"x" * 100, byte) for byte in body)
    async with connect(api_url) as connection:
        headers = (*CHUNKED, f"Authorization: {api.headers['authorization']}")
        await connection.send(request("PUT", CART, *headers, body=chunks + b"0\r\nX-Checksum: 1\r\n\r\n"))
        assert (await connection.answer()).status == 201


async def test_a_webhook_without_a_signature_is_refused_before_its_body(
    anonymous: httpx.AsyncClient, api_url: str
) -> None:
    for header in ("X-None: 1", "Stripe-Signature: v1=00", "Stripe-Signature: t=1,v1=zz", "Stripe-Signature: t=1"):
        async with connect(api_url) as connection:
            await connection.send(request("POST", "/v1/stripe/webhook", header, "Content-Length: 1000000", body=b"{"))
            assert_is_problem(await connection.answer(), 400, "invalid_signature")


async def test_one_address_opens_so_many_connections_and_no_more(anonymous: httpx.AsyncClient, api_url: str) -> None:
    async with asyncio.timeout(10):
        opened = [connect(api_url) for _ in range(25)]
        connections = [await each.__aenter__() for each in opened]
        refused = [await connection.answer() for connection in connections[20:]]
        for answer in refused:
            assert_is_problem(answer, 503, "overloaded")
        assert (await connections[0].answer(seconds=5)).status == 408
        for each in opened:
            await each.__aexit__(None, None, None)
    assert (await anonymous.get("/livez")).status_code == 200


async def test_a_process_with_few_file_descriptors_keeps_some_to_refuse_with(settings: Settings) -> None:
    few, fits = OTHER_FILES + 30, 30
    spacious = settings.model_copy(update={"max_connections_per_address": 1000})
    async with (
        api_process(spacious, files=few) as (_, url),
        AsyncExitStack() as stack,
    ):
        opened = [await stack.enter_async_context(connect(url)) for _ in range(fits + 20)]
        for connection in opened[fits:]:
            assert_is_problem(await connection.answer(), 503, "overloaded")
        assert [(await connection.answer()).status for connection in opened[:fits]] == [408] * fits


def test_connections_are_counted_by_address_and_in_all() -> None:
    bounds = Bounds(1, 1, max_connections=4, max_connections_per_address=2)
    assert [bounds.open(address) for address in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    for address in ("a", "a", "c"):
        bounds.close(address)
    assert [bounds.open(address) for address in ("a", "c")] == [True, True]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(["Authorization: Bearer a", "Authorization: Bearer b"], id="Authorization"),
        pytest.param(["Idempotency-Key: a", "idempotency-key: a"], id="Idempotency-Key"),
        pytest.param(["Host: other"], id="Host"),
    ],
)
async def test_a_header_that_may_stand_once_and_stands_twice_is_a_400(
    anonymous: httpx.AsyncClient, api_url: str, headers: list[str]
) -> None:
    async with connect(api_url) as connection:
        await connection.send(request("GET", CART, *headers))
        assert_is_problem(await connection.answer(), 400, "duplicate_header")


def test_a_connection_is_kept_longer_than_a_load_balancer_keeps_it(settings: Settings) -> None:
    assert server_config(FastAPI(), settings).timeout_keep_alive == 75
    assert (
        server_config(FastAPI(), settings.model_copy(update={"keep_alive": timedelta(seconds=9)})).timeout_keep_alive
        == 9
    )


async def test_no_redirect_names_a_host_of_the_request(anonymous: httpx.AsyncClient, api_url: str) -> None:
    async with connect(api_url) as connection:
        await connection.send(b"POST /v1/carts/c1/refunds/ HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n")
        answer = await connection.answer()
    assert_is_problem(answer, 404, "not_found")
    assert "location" not in answer.headers

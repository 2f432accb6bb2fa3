"""Bounds on what a request may weigh, before anything parses it: headers, body, and the shape of its JSON."""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from app.http.errors import (
    BodyTooLarge,
    DuplicateHeader,
    DuplicateKey,
    HeadersTooLarge,
    JsonTooDeep,
    Overloaded,
    UnsupportedMediaType,
)

# Two of one of these would leave it to chance which one counts.
SINGLE_HEADERS = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"stripe-signature",
    }
)

# What all bodies that are still arriving may hold together: 64 times the largest webhook.
MAX_UNFINISHED_BYTES = 64 * 1024 * 1024

BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def read_headers(scope: Scope, limit: int) -> dict[bytes, bytes]:
    """Return the headers by name. Raises HeadersTooLarge or DuplicateHeader."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    headers: dict[bytes, bytes] = {}
    repeated = None
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4
        if name in headers and name in SINGLE_HEADERS:
            repeated = name
        headers[name] = value
    if size > limit:
        raise HeadersTooLarge(max_bytes=limit)
    if repeated is not None:
        raise DuplicateHeader(header=repeated.decode())
    return headers


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Raise UnsupportedMediaType unless the body is said to be JSON."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json" and not (
        media_type.startswith(b"application/") and media_type.endswith(b"+json")
    ):
        raise UnsupportedMediaType


def check_is_form(headers: Mapping[bytes, bytes]) -> None:
    """Raise UnsupportedMediaType unless the body is said to be a form, as a browser sends it."""
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/x-www-form-urlencoded":
        raise UnsupportedMediaType("A form is expected: send it as application/x-www-form-urlencoded.")


def has_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a body follows these headers: HTTP has no other sign of one."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


class BodyReader:
    """Reads whole bodies, and counts what the unfinished ones of this process hold together."""

    def __init__(self, max_unfinished: int = MAX_UNFINISHED_BYTES) -> None:
        self._max_unfinished = max_unfinished
        self._unfinished = 0

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
        """Return the whole body. Raises BodyTooLarge, Overloaded, or ClientDisconnect."""
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            raise BodyTooLarge(max_bytes=limit)
        message = await _next(receive)
        body: bytes = message.get("body", b"")
        if message.get("more_body", False):
            return await self._read_on(bytearray(body), receive, limit)
        if len(body) > limit:
            raise BodyTooLarge(max_bytes=limit)
        return body

    async def _read_on(self, body: bytearray, receive: Receive, limit: int) -> bytes:
        counted, has_more = 0, True
        try:
            while has_more:
                self._unfinished += len(body) - counted
                counted = len(body)
                if counted > limit:
                    raise BodyTooLarge(max_bytes=limit)
                if self._unfinished > self._max_unfinished:
                    raise Overloaded
                message = await _next(receive)
                body += message.get("body", b"")
                has_more = message.get("more_body", False)
        finally:
            self._unfinished -= counted
        if len(body) > limit:
            raise BodyTooLarge(max_bytes=limit)
        return bytes(body)


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body as one message, then what the server says, as that the client left."""
    is_given = False

    async def replayed() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def check_json(body: bytes, max_depth: int) -> None:
    """Raise JsonTooDeep or DuplicateKey. What is no JSON at all is left to whoever parses it."""
    if is_deeper(body, max_depth):
        raise JsonTooDeep(max_depth=max_depth)
    try:
        json.loads(body, object_pairs_hook=_unique)
    except ValueError:  # UnicodeDecodeError is one, too
        return


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DuplicateKey
    return members


def is_deeper(body: bytes, limit: int) -> bool:
    """Whether JSON is nested deeper; brackets in strings do not count. Other bytes may give any answer."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for token in BRACKETS.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token.group(), 0)
        if depth > limit:
            return True
    return False

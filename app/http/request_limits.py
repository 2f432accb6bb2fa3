"""Bounds on what a request may weigh, before anything reads it: headers, body, and how deep its JSON goes."""

import re
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import InvalidRequest
from app.http.errors import BodyTooLarge, HeadersTooLarge, JsonTooDeep
from app.http.problems import respond

BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class RequestLimits:
    """Refuse what is too large, whether it tells its length or not; paths may have body limits of their own.

    The body is read here, at once: what comes after finds it whole, or is not called.
    """

    def __init__(self, app: ASGIApp, *, headers: int, body: int, bodies: Mapping[str, int], depth: int) -> None:
        self._app = app
        self._headers = headers
        self._body = body
        self._bodies = bodies
        self._depth = depth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except InvalidRequest as refusal:
            await respond(refusal)(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replayed(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Give the whole body, or None when the client went away. Raises InvalidRequest."""
        if _head_size(scope) > self._headers:
            raise HeadersTooLarge(max_bytes=self._headers)
        limit = self._bodies.get(scope["path"], self._body)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            raise BodyTooLarge(max_bytes=limit)
        body = await _read_all(receive, limit)
        if body is not None and scope["path"] not in self._bodies and is_deeper(body, self._depth):
            raise JsonTooDeep(max_depth=self._depth)
        return body


def _head_size(scope: Scope) -> int:
    """Weigh the address and the headers, about as they came."""
    address = len(scope["raw_path"]) + len(scope["query_string"])
    return address + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


async def _read_all(receive: Receive, limit: int) -> bytes | None:
    body, has_more = bytearray(), True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(max_bytes=limit)
        has_more = message.get("more_body", False)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the body as one message, and after it what the server tells, as that the client went away."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def is_deeper(body: bytes, limit: int) -> bool:
    """Tell whether JSON is nested deeper; brackets in strings do not count. Other bytes may give any answer."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for token in BRACKETS.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token.group(), 0)
        if depth > limit:
            return True
    return False

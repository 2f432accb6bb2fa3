"""Bytes in, bytes out, and the ways in which a connection can be cut."""

from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

MAX_BODY = 1 << 20
_TRANSPORT = "sandbox.transport"


class Cut(Exception):
    """The connection is to be cut without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


async def read_body(receive: Receive) -> bytes | None:
    """Return the body, or None where the client went away before its end."""
    chunks = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        if size <= MAX_BODY:  # one chunk beyond the limit is enough to see that it was passed
            chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def respond(send: Send, answer: Answer, *, is_cut: bool = False) -> None:
    """Send the answer, or only its first half."""
    body = answer.body.encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send(
        {
            "type": "http.response.body",
            "body": body[: len(body) // 2] if is_cut else body,
            "more_body": is_cut,
        }
    )


def expose_transport(scope: Scope, send: Send) -> None:
    """Note the TCP connection in the scope; ASGI has no word for it, but the server's `send` belongs to it."""
    scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)


async def cut(scope: Scope, receive: Receive) -> None:
    """Close the TCP connection and wait until the server has noticed."""
    transport = scope[_TRANSPORT]
    if transport is None:
        raise ConnectionResetError("The connection is cut.")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass

"""The server's protocol, with a bound on the head of a request: the parser itself would read it without end."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# One read of the socket is added to it, at most 256 KiB; what is over the exact limit gets its answer later.
MAX_HEAD = 64 * 1024

REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHeadProtocol(HttpToolsProtocol):
    """Close a connection whose request line and headers do not come to an end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unfinished: int | None = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unfinished = 0

    def on_headers_complete(self) -> None:
        self._unfinished = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._unfinished is None or self.transport.is_closing():
            return
        self._unfinished += len(data)
        if self._unfinished > MAX_HEAD:
            self.transport.write(REFUSAL)
            self.transport.close()

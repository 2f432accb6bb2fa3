"""The server under the API: uvicorn on httptools, with bounds on time, framing and connections.

uvicorn's parser is fast and has no such bounds: it waits for ever, reads a request's head or a chunked body's trailers
without end, and adds trailers to the headers after everything has looked at them. h11 has some of these bounds, for
twice the time of a whole request, and none on time; hypercorn and granian bound neither trailers nor connections by
address. So the few bounds are added here, and httptools stays.
"""

import asyncio
import functools
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Literal

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import PaymentsError
from app.http.errors import HeadersTooLarge, MalformedRequest, Overloaded, RequestTimeout
from app.http.problems import MEDIA_TYPE, render
from app.http.request_log import request_id
from app.http.security_headers import secured
from app.observability.metrics import PROBLEMS
from app.settings import Settings

log = structlog.get_logger()

# Of what leads to nothing: a head, a chunk's header or trailers without an end. One read of the socket is added to it,
# at most 256 KiB; what is over the exact limit gets its answer later.
MAX_HEAD = 64 * 1024

# Headers and trailers of one request; browsers and proxies send some tens.
MAX_FIELDS = 200

# Open files beside the callers' connections: PostgreSQL's, Stripe's, the log, the libraries.
OTHER_FILES = 100

Phase = Literal["idle", "head", "body"]


def server_config(app: FastAPI, settings: Settings, **options: Any) -> uvicorn.Config:
    """Return how the API is served."""
    bounds = Bounds(
        head_seconds=settings.request_head_timeout.total_seconds(),
        body_seconds=settings.request_body_timeout.total_seconds(),
        max_connections=_affordable(settings.max_connections),
        max_connections_per_address=settings.max_connections_per_address,
        proxies=settings.trusted_proxies,
    )
    return uvicorn.Config(
        app,
        http=functools.partial(BoundedProtocol, bounds=bounds),  # type: ignore[arg-type] # it is called, as a class is
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(settings.keep_alive.total_seconds()),
        timeout_graceful_shutdown=30,
        **options,
    )


def _affordable(connections: int) -> int:
    """Return as many of them as there may be file descriptors: without one, not even a refusal can be sent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    affordable = connections if soft == resource.RLIM_INFINITY else min(connections, max(soft - OTHER_FILES, 1))
    if affordable < connections:
        log.warning("server.few_file_descriptors", max_connections=affordable, remedy="Raise ulimit -n.")
    return affordable


@dataclass(slots=True)
class Bounds:
    """What the connections of this process may take, and how many are open."""

    head_seconds: float
    body_seconds: float
    max_connections: int
    max_connections_per_address: int
    proxies: Sequence[IPv4Network | IPv6Network] = ()
    _open: Counter[str] = field(default_factory=Counter)
    _total: int = 0

    def open(self, address: str) -> bool:
        """Count a connection; return whether it is within the bounds. A proxy's own are counted in all alone."""
        self._total += 1
        self._open[address] += 1
        is_within = self._open[address] <= self.max_connections_per_address or self._is_proxy(address)
        return is_within and self._total <= self.max_connections

    def close(self, address: str) -> None:
        self._total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def _is_proxy(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self.proxies)
        except ValueError:
            return False


class TooManyFieldsError(Exception):
    """A request has more headers and trailers than MAX_FIELDS."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose requests do not come to an end, and keeps trailers out of the headers."""

    def __init__(self, *args: Any, bounds: Bounds, **options: Any) -> None:
        super().__init__(*args, **options)
        self._bounds = bounds
        self._phase: Phase = "idle"
        self._number = 0  # of the request on this connection
        self._fields = 0  # its headers and trailers
        self._has_progress = False
        self._unfinished = 0
        self._timed: tuple[int, Phase] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the parent
        super().connection_made(transport)
        self._phase = "head"
        self._address = self.client[0] if self.client else "unknown"
        if self._bounds.open(self._address):
            self._watch()
        else:
            self._refuse(Overloaded(reason=f"too many connections; this one is from {self._address}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._bounds.close(self._address)
        self._stop_watching()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End as uvicorn does, and let no request wait any longer for what may not come."""
        on_shutdown = self.app_state.get("on_shutdown")
        if on_shutdown is not None:
            on_shutdown()
        super().shutdown()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._number += 1
        self._fields = 0
        self._phase, self._has_progress = "head", True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise TooManyFieldsError  # it ends the parsing of all that was read, and comes back as `send_400_response`
        if self._phase == "head":  # else it is a trailer
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._phase, self._has_progress = "body", True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = "idle"
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        self._has_progress = False
        super().data_received(data)
        if self._phase == "idle":
            if self._timer is not None:
                self._stop_watching()
            return
        if self.transport.is_closing():
            return
        self._unfinished = 0 if self._has_progress else self._unfinished + len(data)
        if self._unfinished > MAX_HEAD:
            self._refuse(HeadersTooLarge(max_bytes=MAX_HEAD))
        else:
            self._watch()

    def send_400_response(self, msg: str) -> None:
        if self._fields > MAX_FIELDS:
            self._refuse(HeadersTooLarge(max_fields=MAX_FIELDS))
        else:
            self._refuse(MalformedRequest(reason=msg))

    def _watch(self) -> None:
        """Let this part of this request have its time, from now."""
        if self._timed == (self._number, self._phase):
            return
        self._stop_watching()
        self._timed = (self._number, self._phase)
        seconds = self._bounds.head_seconds if self._phase == "head" else self._bounds.body_seconds
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timed = None

    def _time_out(self) -> None:
        self._refuse(RequestTimeout(reason=f"its {self._phase} did not arrive in time"))

    def _refuse(self, error: PaymentsError) -> None:
        """Answer without the application, unless it answers already, and close the connection."""
        if self.transport.is_closing():
            return
        self._stop_watching()
        cycle: RequestResponseCycle | None = self.cycle
        is_free = cycle is None or cycle.response_complete or not cycle.response_started
        if is_free:
            name = request_id(None)
            self.transport.write(_encode(error, name))
            PROBLEMS.labels("none", error.code).inc()
            why = error.reason or error.detail
            log.info("request.refused", status=int(error.status), code=error.code, reason=why, request_id=name)
        self.transport.close()


def _encode(error: PaymentsError, name: str) -> bytes:
    """Return a whole answer, with the headers of all others."""
    body = render(error, name)
    headers = secured(
        [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            (b"x-request-id", name.encode()),
            *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
        ]
    )
    lines = b"".join(b"%s: %s\r\n" % each for each in headers)
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (error.status, error.status.phrase.encode(), lines, body)

"""What surrounds every request: a log line, and an answer when all else failed."""

import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import PaymentsError
from app.http.problems import respond

log = structlog.get_logger()

QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class RequestLog:
    """Log each request as one line, without its query string, and bind its id to all lines of its work.

    An error that nobody foresaw is logged with its kind and place and told as a problem, without details.
    """

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=uuid4().hex)
        began, status = self._clock(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.info("request.abandoned", method=scope["method"], path=scope["path"])
        except Exception:
            log.exception("request.failed", method=scope["method"], path=scope["path"])
            if status:
                raise
            await respond(PaymentsError("Something went wrong here; send the same request again."))(
                scope, receive, watched
            )
        finally:
            if scope["path"] not in QUIET:
                milliseconds = round((self._clock() - began) * 1000, 1)
                log.info(
                    "request.answered",
                    method=scope["method"],
                    path=scope["path"],
                    status=int(status),
                    milliseconds=milliseconds,
                )

"""What every HTTP request passes, in one layer: its id, its limits, its security headers, and its line in the log.

    request → id → headers (431, 400) → body (413, 408) → JSON's depth and keys (400) → the application
    answer  ← security headers, X-Request-ID ← a problem document for whatever went wrong

One layer, because each costs a coroutine and a wrapped `send` for every request. CORS and `X-Forwarded-For` are left
to Starlette's and uvicorn's own, and only asked where they matter.
"""

import time
from collections.abc import Mapping

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.errors import PaymentsError
from app.http import problems
from app.http.cors import CheckoutCors
from app.http.forwarding import Forwarding
from app.http.paths import with_encoded_slashes
from app.http.request_limits import (
    BodyReader,
    check_is_form,
    check_json,
    check_media_type,
    has_body,
    read_headers,
    replay,
)
from app.http.request_log import log_answer, logged_path, request_id
from app.http.security_headers import secured
from app.settings import Settings

log = structlog.get_logger()

# The console's pages send forms; all else sends JSON.
FORMS_BELOW = "/console/"


class HttpMiddleware:
    """Surrounds the application. `direct` are paths whose POST is answered without it, the body unread."""

    def __init__(self, app: ASGIApp, *, settings: Settings, bodies: BodyReader, direct: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._settings = settings
        self._bodies = bodies
        self._direct = direct
        self._cors = CheckoutCors(
            app, origins=settings.cors_origins, is_development=settings.environment == "development"
        )
        self._forwarding = Forwarding(settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        scope = with_encoded_slashes(scope)
        exchange = Exchange(scope, send)
        try:
            await self._answer(scope, receive, exchange.send)
        except ClientDisconnect:
            log.info("request.abandoned", method=scope["method"], path=logged_path(scope))
        except Exception as error:
            await exchange.fail(error, receive)
        finally:
            log_answer(scope, status=exchange.status, began=began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self._settings
        headers = read_headers(scope, settings.max_header_bytes)
        self._forwarding.apply(scope, headers)
        direct = self._direct.get(scope["path"])
        if direct is not None and scope["method"] == "POST":
            await direct(scope, receive, send)
            return
        if has_body(headers):
            body = await self._bodies.read(headers, receive, settings.max_body_bytes)
            if scope["path"].startswith(FORMS_BELOW):
                check_is_form(headers)
            else:
                check_json(body, settings.max_json_depth)
                check_media_type(headers)
            receive = replay(body, receive)
        app = self._cors if b"origin" in headers else self._app
        await app(scope, receive, send)


class Exchange:
    """One request and its answer."""

    __slots__ = ("_id", "_scope", "_send", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        name = request_id(sent)
        self._id = (b"x-request-id", name.encode())
        scope.setdefault("state", {})["request_id"] = name
        clear_contextvars()
        bind_contextvars(request_id=name)

    async def send(self, message: Message) -> None:
        """Send a part of the answer, its headers completed."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            message["headers"] = [*secured(message["headers"]), self._id]
        await self._send(message)

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Answer what nobody below has answered, with a problem; without details if nobody foresaw it."""
        problem = error if isinstance(error, PaymentsError) else None
        if problem is None:
            method, path = self._scope["method"], logged_path(self._scope)
            log.error("request.failed", method=method, path=path, exc_info=error)
            problem = PaymentsError("Something went wrong here; send the same request again.")
        if self.status:
            raise error  # the answer has begun: the server cuts the connection
        await problems.respond(problem, self._scope)(self._scope, receive, self.send)

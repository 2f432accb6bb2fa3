"""What browsers are told: which origins may read two answers, and to trust nothing else that comes from here."""

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The two that a checkout token opens.
CHECKOUT_PATHS = re.compile(r"/v1/(carts|sessions)/[^/]*/payment-intent(/client-secret)?")
CHECKOUT_METHODS = ("GET", "OPTIONS")

# Development's page about the API, which takes its script and style from elsewhere.
DOCS_PATH = "/docs"

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ENCODED = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class CheckoutCors:
    """Let the shop's pages read the state and fetch the client secret; on all other paths there is no CORS."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET"],
            allow_headers=["Authorization"],
            expose_headers=["Retry-After"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_checkout = (
            scope["type"] == "http"
            and scope["method"] in CHECKOUT_METHODS
            and CHECKOUT_PATHS.fullmatch(scope["path"]) is not None
        )
        await (self._shared if is_checkout else self._app)(scope, receive, send)


class SecurityHeaders:
    """Set the headers on every answer; nothing that this service says may be kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == DOCS_PATH:
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in ENCODED if each[0] not in told)]
            await send(message)

        await self._app(scope, receive, secured)

"""Which origins may read two answers: on all other paths there is no CORS."""

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# The two that a checkout token opens.
CHECKOUT_PATHS = re.compile(r"/v1/(carts|sessions)/[^/]*/payment-intent(/client-secret)?")
CHECKOUT_METHODS = ("GET", "OPTIONS")

# Where a developer's own pages are.
LOOPBACK = r"https?://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?"


class CheckoutCors:
    """Let the shop's pages read the state and fetch the client secret; on all other paths there is no CORS.

    In development every page of this machine may do so.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str], is_development: bool) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_origin_regex=LOOPBACK if is_development else None,
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

"""Which origins may read three answers: on all other paths there is no CORS."""

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# Those that a checkout token opens, with their method.
CHECKOUT_PATHS = (
    ("GET", re.compile(r"/v1/(carts|sessions)/[^/]*/payment-intent(/client-secret)?")),
    ("POST", re.compile(r"/v1/(carts|sessions)/[^/]*/payment-intent/confirm")),
)

# Where a developer's own pages are.
LOOPBACK = r"https?://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?"


class CheckoutCors:
    """Let the shop's pages read the state, fetch the client secret and confirm; on all other paths there is no CORS.

    In development every page of this machine may do so.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str], is_development: bool) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_origin_regex=LOOPBACK if is_development else None,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._shared if _is_shared(scope) else self._app)(scope, receive, send)


def _is_shared(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    return any(
        scope["method"] in {method, "OPTIONS"} and path.fullmatch(scope["path"]) for method, path in CHECKOUT_PATHS
    )

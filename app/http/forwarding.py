"""Whose address a request has: the connection's, or what a trusted proxy says of it."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

log = structlog.get_logger()


class Forwarding:
    """Believes `X-Forwarded-For` from configured proxies alone, and says once when another one sends it."""

    def __init__(self, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        # The middleware's own list: it reads addresses, ports and networks. It is not called.
        middleware = ProxyHeadersMiddleware(_ignore, [str(each) for each in trusted])  # type: ignore[arg-type]
        self._trusted = middleware.trusted_hosts
        self._has_warned = False

    def apply(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Put the caller's own address into the scope."""
        if b"x-forwarded-for" not in headers:
            return
        address = scope["client"][0] if scope.get("client") else None
        if address in self._trusted:
            values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            forwarded = self._trusted.get_trusted_client_address(b", ".join(values).decode("latin-1"))
            scope["client"] = forwarded if forwarded[0] else scope["client"]
        elif not self._has_warned:
            self._has_warned = True
            log.warning("proxy.not_trusted", address=address, remedy="Name its network in TRUSTED_PROXIES.")


async def _ignore(_: Scope, __: Receive, ___: Send) -> None: ...

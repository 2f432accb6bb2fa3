"""Which addresses notifications may go to: none inside, unless the settings name its network.

A name is resolved once for each connection, all that it resolves to is looked at, and the connection is made to just
that: what the name means a moment later does not count. Numbers are looked at in whatever notation they come.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from app.notifications.errors import AddressNotAllowed, AddressNotFound

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

# An IPv4 address may stand inside one of these (NAT64, and IPv4-compatible): what is meant is that one.
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))

# Reserved for protocols; Python before 3.12 takes parts of it for public.
_IETF = IPv4Network("192.0.0.0/24")


def is_public(address: Address) -> bool:
    """Whether an address is on the internet, and not in any private, local or reserved network."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    if isinstance(address, IPv4Address) and address in _IETF:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class Permitted:
    """What may be connected to: the internet by HTTPS, and the allowed networks by HTTP too."""

    def __init__(self, allowed: Networks) -> None:
        self._allowed = allowed

    def is_allowed(self, address: Address, *, is_https: bool) -> bool:
        inner = _inner(address) if isinstance(address, IPv6Address) else None
        is_inside = any(each in network for each in (address, inner) if each is not None for network in self._allowed)
        return is_inside or (is_https and is_public(address))


class PinningResolver(AbstractResolver):
    """Resolves a name for one connection, to nothing that is not permitted. One for each scheme."""

    def __init__(self, permitted: Permitted, *, is_https: bool) -> None:
        self._permitted = permitted
        self._is_https = is_https

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses. Raises AddressNotAllowed if one of them is not permitted, or AddressNotFound."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise AddressNotFound from error
        results = []
        for kind, _, proto, _, where in found:
            check(str(where[0]), self._permitted, is_https=self._is_https)
            results.append(
                ResolveResult(
                    hostname=host, host=str(where[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
                )
            )
        return results

    async def close(self) -> None:
        """Do nothing: it holds nothing."""


def check(host: str, permitted: Permitted, *, is_https: bool) -> None:
    """Raise AddressNotAllowed for a number that is not permitted; a name is left to the resolver."""
    try:
        address = ip_address(host.partition("%")[0].strip("[]"))
    except ValueError:
        return
    if not permitted.is_allowed(address, is_https=is_https):
        raise AddressNotAllowed


async def check_url(url: str, permitted: Permitted) -> None:
    """Raise AddressNotAllowed or AddressNotFound if an endpoint's address can't be connected to now."""
    parts = urlsplit(url)
    is_https, host = parts.scheme == "https", parts.hostname or ""
    check(host, permitted, is_https=is_https)
    await PinningResolver(permitted, is_https=is_https).resolve(host, parts.port or 0)

"""Headers that let a browser trust nothing else that comes from here, and keep none of it."""

from collections.abc import Iterable

Header = tuple[bytes, bytes]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ENCODED: list[Header] = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
NAMES = frozenset(name for name, _ in ENCODED)


def secured(headers: Iterable[Header]) -> list[Header]:
    """Return the headers of an answer with those that it lacks; no cache may keep what this service says."""
    own = list(headers)
    present = NAMES.intersection(name for name, _ in own)
    return own + (ENCODED if not present else [each for each in ENCODED if each[0] not in present])

"""Read single values from what Stripe sent, tolerantly.

Values that no database column can hold (a NUL, half a surrogate pair, an amount beyond 64 bits) are refused where they
are required and None elsewhere.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CURRENCY = re.compile("[a-z]{3}")
LARGEST = 2**63 - 1
MAX_LENGTH = 255  # Stripe's own promise for its ids
LAST_SECOND = 253_402_300_799  # of the year 9999


def word(value: object) -> str | None:
    """Return a text that can be stored; anything else is None."""
    if not isinstance(value, str):
        return None
    is_storable = "\0" not in value if value.isascii() else not UNSTORABLE.search(value)
    return value if is_storable else None


def id_of(value: object) -> str | None:
    """Return the id of what Stripe names either by its id or, when expanded, by the object."""
    found = word(value.get("id") if isinstance(value, dict) else value)
    return found if found is not None and len(found) <= MAX_LENGTH else None


def text(obj: Json, name: str) -> str:
    """Return an id, a type, a status or the like: what every such object has, and an index must hold."""
    if (value := word(obj[name])) is None:
        raise TypeError(f"{name} is not a text")
    if len(value) > MAX_LENGTH:
        raise ValueError(f"{name} is longer than {MAX_LENGTH} characters")
    return value


def currency(obj: Json) -> str:
    if not CURRENCY.fullmatch(value := text(obj, "currency")):
        raise ValueError("currency has not three letters")
    return value


def amount(obj: Json, name: str, *, least: int = 0) -> int:
    """Read an amount; missing and null are 0."""
    value = obj.get(name)
    if value is not None and type(value) is not int:
        raise TypeError(f"{name} is not an integer")
    if not least <= (value or 0) <= LARGEST:
        raise ValueError(f"{name} is out of range")
    return value or 0


def nested(obj: Json, name: str) -> Json:
    value = obj.get(name)
    return value if isinstance(value, dict) else {}


def words(obj: Json, *names: str) -> dict[str, str | None]:
    return {name: word(obj.get(name)) for name in names}


def metadata(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {key: stored for key, item in items if (stored := word(item)) is not None and word(key)}


def time(seconds: object) -> datetime:
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LAST_SECOND:
        raise ValueError("not a time")
    return datetime.fromtimestamp(seconds, UTC)


def optional_time(seconds: object) -> datetime | None:
    """Return a time, None for what Stripe leaves out."""
    return None if seconds is None else time(seconds)

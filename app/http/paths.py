"""A slash that is part of an id: `%2F` in the path.

The server decodes it as any other character; then nobody can tell it from the slashes between the parts of the path.
"""

from urllib.parse import unquote

from starlette.types import Scope

# Stands for it while routes are matched: half a surrogate pair, which is in no text that was decoded from UTF-8.
_ENCODED_SLASH = "\udc2f"


def keep_encoded_slashes(scope: Scope) -> None:
    """Decode the path anew if it has an encoded slash, so that this one parts nothing."""
    raw: bytes = scope["raw_path"]
    if b"%2F" in raw or b"%2f" in raw:
        parts = raw.decode("latin-1").split("/")
        scope["path"] = "/".join(unquote(part).replace("/", _ENCODED_SLASH) for part in parts)


def decoded(part: str) -> str:
    """Return a part of the path as the caller means it."""
    return part.replace(_ENCODED_SLASH, "/")


def shown(path: str) -> str:
    """Return a path that can be printed, its encoded slashes encoded."""
    return path.replace(_ENCODED_SLASH, "%2F")

"""A slash that is part of an id: `%2F` in the path.

The server decodes it as any other character; then nobody can tell it from the slashes between the parts of the path.
"""

from urllib.parse import unquote

from starlette.types import Scope

# Stands for it while routes are matched: half a surrogate pair, which is in no text that was decoded from UTF-8.
_ENCODED_SLASH = "\udc2f"


def with_encoded_slashes(scope: Scope) -> Scope:
    """Return the scope; if its path has an encoded slash, a copy whose path was decoded so that this one parts nothing.

    A copy, because the server writes its own scope's path into its access log, and that must be text.
    """
    raw: bytes = scope["raw_path"]
    if b"%2F" not in raw and b"%2f" not in raw:
        return scope
    parts = raw.decode("latin-1").split("/")
    return {**scope, "path": "/".join(unquote(part).replace("/", _ENCODED_SLASH) for part in parts)}


def decoded(part: str) -> str:
    """Return a part of the path as the caller means it."""
    return part.replace(_ENCODED_SLASH, "/")


def shown(path: str) -> str:
    """Return a path that can be printed, its encoded slashes encoded."""
    return path.replace(_ENCODED_SLASH, "%2F")

"""Read the reference from a URL: `/v1/{carts|sessions}/{id}/…`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends, Path
from pydantic import Field, StringConstraints
from starlette.convertors import Convertor, register_url_convertor

from app.http.paths import decoded
from app.http.rules import rule
from app.payment_intents.protocol.terms import KINDS as REFERENCE_KINDS
from app.payment_intents.protocol.terms import Kind, Reference


class Segment(Convertor[str]):
    """One part of a path. It may be empty, so that an empty id gets the same validation error as any other wrong id."""

    regex = "[^/]*"

    def convert(self, value: str) -> str:
        return decoded(value)

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("segment", Segment())

KINDS: dict[str, Kind] = {"carts": "cart", "sessions": "session"}

# What nobody sees: control and format characters, line separators, and what is no character.
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff"

# One or two dots are a step in a path, which browsers and proxies take before we see it.
_ID = rf"([^.{_UNPRINTABLE}]|\.[^.{_UNPRINTABLE}]|\.\.[^{_UNPRINTABLE}])[^{_UNPRINTABLE}]*"

MAX_LENGTH = 255

ReferenceId = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=MAX_LENGTH,
        pattern=rule(f"^{_ID}$", "1 to 255 printable characters, and neither one dot nor two"),
    ),
    Field(examples=["cart-1001"]),
]

# A reference in one word, as a query has it.
ReferenceName = Annotated[
    str,
    StringConstraints(
        max_length=len("session:") + MAX_LENGTH,
        pattern=rule(f"^(cart|session):{_ID}$", "`cart:` or `session:` and your id of it"),
    ),
    Field(description="`cart:` or `session:` and your id.", examples=["cart:cart-1001"]),
]


def reference_named(name: ReferenceName) -> Reference:
    kind, _, reference_id = name.partition(":")
    return Reference(REFERENCE_KINDS[kind], reference_id)


_PathId = Annotated[
    ReferenceId,
    Path(
        description="Your id of the cart or session: 1 to 255 printable characters, percent-encoded (a slash as "
        "`%2F`). Not `.` or `..`.",
        examples=["cart-1001"],
    ),
]


async def _read_reference(kind: Literal["carts", "sessions"], reference_id: _PathId) -> Reference:
    return Reference(KINDS[kind], reference_id)


ReferencePath = Annotated[Reference, Depends(_read_reference)]


async def _read_session(reference_id: _PathId) -> Reference:
    return Reference("session", reference_id)


def reference_in(path: Mapping[str, Any]) -> Reference | None:
    """Return the reference that the parameters of a path name, valid or not; None when they name none."""
    kind = KINDS.get(path.get("kind", ""))
    return Reference(kind, path["reference_id"]) if kind else None


SessionPath = Annotated[Reference, Depends(_read_session)]

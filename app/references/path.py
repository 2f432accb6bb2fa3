"""Read the reference from a URL: `/v1/{carts|sessions}/{id}/…`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends, Path
from pydantic import Field, StringConstraints
from starlette.convertors import Convertor, register_url_convertor

from app.payment_intents.protocol.terms import KINDS as REFERENCE_KINDS
from app.payment_intents.protocol.terms import Kind, Reference


class Segment(Convertor[str]):
    """One part of a path. It may be empty, so that an empty id gets the same validation error as any other wrong id."""

    regex = "[^/]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("segment", Segment())

KINDS: dict[str, Kind] = {"carts": "cart", "sessions": "session"}

ReferenceId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$")]

# A reference in one word, as a query has it.
ReferenceName = Annotated[
    str,
    StringConstraints(pattern=r"^(cart|session):[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"),
    Field(description="`cart:` or `session:` and your id.", examples=["cart:cart-1001"]),
]


def reference_named(name: ReferenceName) -> Reference:
    kind, _, reference_id = name.partition(":")
    return Reference(REFERENCE_KINDS[kind], reference_id)


_PathId = Annotated[
    ReferenceId,
    Path(
        description="Your id of the cart or session: 1 to 128 of `A-Z a-z 0-9 . _ ~ -`, first a letter or digit.",
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

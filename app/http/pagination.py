"""Cursor pages: `?limit=…&after=…`, newest first; a cursor names the last row that was seen."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import Depends, Query

from app.http.errors import InvalidCursor

# What a row can be made at.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row's place in a list that is ordered by time, then id."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()}|{self.id}".encode()).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a cursor. Raises InvalidCursor, also for a time that no row has and PostgreSQL may not take."""
        try:
            at, _, row_id = base64.b64decode(text, altchars=b"-_", validate=True).decode().partition("|")
            time = datetime.fromisoformat(at).astimezone(UTC)
            cursor = cls(time, UUID(row_id))
        except (binascii.Error, ValueError, OverflowError) as error:
            raise InvalidCursor from error
        if not EARLIEST <= time <= LATEST:
            raise InvalidCursor
        return cursor


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    after: Cursor | None


async def _page(
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
    after: Annotated[
        str | None,
        Query(
            max_length=200,
            description="The `next_cursor` of the page before.",
            examples=["MjAyNi0xMS0yN1QwOTozMDowMCswMDowMHwwMTlhYjBjNS04YzJmLTdkM2UtOWYxMC0zYTUyY2Y5ZjBjMTE="],
        ),
    ] = None,
) -> Page:
    return Page(limit, Cursor.decode(after) if after is not None else None)


PageQuery = Annotated[Page, Depends(_page)]

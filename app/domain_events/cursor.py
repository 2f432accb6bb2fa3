"""Cursors of the feed: an event, by its id and time, and the installation that it is of."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from app.db.engine import Connection, Database, Record
from app.domain_events.errors import ExpiredCursor, UnknownCursor
from app.domain_events.feed import START, Position, microseconds
from app.http.errors import InvalidCursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = re.compile(r"([0-9a-f]{32})\.([0-9]{1,18})\.([0-9]{1,17})")

_PLACE = "SELECT xid, id FROM domain_events WHERE id = $1 AND created_at = $2"
_OLDEST = "SELECT min(created_at) FROM (SELECT created_at FROM domain_events ORDER BY xid, id LIMIT 1) AS oldest"


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """The last event that was read; number 0 is the beginning."""

    installation: UUID
    number: int
    microseconds: int

    @classmethod
    def at(cls, installation: UUID, event: Record | None) -> Self:
        """Return the cursor behind an event, or that of the beginning."""
        if event is None:
            return cls(installation, 0, 0)
        return cls(installation, event["id"], microseconds(event["created_at"]))

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"{self.installation.hex}.{self.number}.{self.microseconds}".encode()).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read a cursor. Raises InvalidCursor."""
        try:
            match = TEXT.fullmatch(base64.b64decode(text, altchars=b"-_", validate=True).decode())
        except (binascii.Error, ValueError) as error:
            raise InvalidCursor from error
        if match is None:
            raise InvalidCursor
        return cls(UUID(match[1]), int(match[2]), int(match[3]))

    async def locate(self, database: Database | Connection, installation: UUID) -> Position:
        """Return the place of the cursor's event. Raises UnknownCursor, or ExpiredCursor for one no longer kept."""
        if self.installation != installation:
            raise UnknownCursor
        if self.number == 0:
            return START
        created_at = EPOCH + timedelta(microseconds=self.microseconds)
        place = await database.fetchrow(_PLACE, self.number, created_at)
        if place is not None:
            return Position(place["xid"], place["id"])
        oldest = await database.fetchval(_OLDEST)
        raise ExpiredCursor if oldest is not None and created_at < oldest else UnknownCursor

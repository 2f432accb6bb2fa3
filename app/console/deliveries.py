"""What became of the notifications of a payment's events, for its timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from app.db.engine import Database

MOST = 500

_OF_EVENTS = f"""
SELECT d.id, d.endpoint_id, d.event_id, d.state, d.attempts, d.finished_at, e.url, last.status, last.error
FROM notification_deliveries AS d
JOIN notification_endpoints AS e ON e.id = d.endpoint_id
LEFT JOIN LATERAL (
    SELECT status, error FROM notification_attempts WHERE delivery_id = d.id ORDER BY id DESC LIMIT 1
) AS last ON true
WHERE d.event_number = ANY ($1)
ORDER BY d.id LIMIT {MOST}
"""  # noqa: S608 - our own number


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. Of its address only the host is shown: the rest may be secret."""

    id: int
    endpoint_id: UUID
    host: str
    state: str
    attempts: int
    finished_at: datetime | None
    last_answer: str | None

    @property
    def target(self) -> str:
        """How a form names it."""
        return f"{self.endpoint_id}:{self.id}"


def host_of(url: str) -> str:
    return urlsplit(url).hostname or "unknown"


async def of_events(database: Database, event_ids: Sequence[str]) -> dict[str, list[Delivery]]:
    """Return the deliveries of events, by the event's id, in their order."""
    found: dict[str, list[Delivery]] = {}
    numbers = [int(event_id.split("_")[1]) for event_id in event_ids]
    for row in await database.fetch(_OF_EVENTS, numbers):
        answer = row["error"] or (f"status {row['status']}" if row["status"] else None)
        delivery = Delivery(
            id=row["id"],
            endpoint_id=row["endpoint_id"],
            host=host_of(row["url"]),
            state=row["state"],
            attempts=row["attempts"],
            finished_at=row["finished_at"],
            last_answer=answer,
        )
        found.setdefault(row["event_id"], []).append(delivery)
    return {event_id: found[event_id] for event_id in event_ids if event_id in found}

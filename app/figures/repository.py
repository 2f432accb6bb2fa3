"""Write and read the numbers of each hour. Reading costs the same however many payments there are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.db.engine import Database

Step = Literal["hour", "day"]

_ADD = """
INSERT INTO hourly_figures AS figure (hour, name, label, count, total)
SELECT date_trunc('hour', now()), * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::float8[])
ORDER BY 2, 3
ON CONFLICT (hour, name, label) DO UPDATE
SET count = figure.count + excluded.count, total = figure.total + excluded.total
"""

_READ = """
SELECT date_trunc($1, hour, 'UTC') AS at, name, label, sum(count)::bigint AS count, sum(total) AS total
FROM hourly_figures
WHERE hour >= $2
GROUP BY 1, 2, 3
ORDER BY 1
"""

PURGE = """
DELETE FROM hourly_figures
WHERE (hour, name, label) IN (
    SELECT hour, name, label FROM hourly_figures WHERE hour < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """How many of one kind there were from a moment on, for an hour or a day."""

    at: datetime
    name: str
    label: str
    count: int
    total: float


async def add(database: Database, figures: Iterable[tuple[str, str, int, float]]) -> None:
    """Add to the numbers of this hour: name, label, count and total of each."""
    columns = list(zip(*figures, strict=True))
    if columns:
        await database.execute(_ADD, *(list(column) for column in columns))


async def read(database: Database, since: datetime, step: Step) -> Mapping[str, Sequence[Figure]]:
    """Return the numbers since a time by name, those of an hour or a day together."""
    found: dict[str, list[Figure]] = {}
    for row in await database.fetch(_READ, step, since):
        found.setdefault(row["name"], []).append(Figure(**dict(row)))
    return found

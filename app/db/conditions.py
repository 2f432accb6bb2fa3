"""Conditions of a list, put together from those filters that are set."""

from dataclasses import dataclass, field

from app.db.engine import Database, Record


@dataclass(slots=True)
class Conditions:
    """Conditions that all hold, and the values in them."""

    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        """Add a condition, in which {} stands for each value, unless a value is None."""
        if None in values:
            return
        numbers = range(len(self.values) + 1, len(self.values) + len(values) + 1)
        self.values += values
        self.conditions.append(condition.format(*(f"${number}" for number in numbers)))

    @property
    def where(self) -> str:
        return " AND ".join(self.conditions) or "true"


async def fetch_planned(database: Database, sql: str, *values: object) -> list[Record]:
    """Fetch rows by a plan for these very values: which index of a list is best depends on them."""
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        rows: list[Record] = await connection.fetch(sql, *values)
        return rows

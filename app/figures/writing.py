"""What only this process knows is written each minute: how Stripe answered its calls, and what it repaired."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import structlog
from prometheus_client.metrics import MetricWrapperBase

from app.db.engine import Database
from app.db.errors import DatabaseUnavailable
from app.figures import repository
from app.observability.metrics import REPAIRS, STRIPE_CALLS

log = structlog.get_logger()

WRITTEN_EVERY_SECONDS = 60.0
LAST_TAKES_SECONDS = 2.0

Values = dict[tuple[str, str], tuple[int, float]]
WRITTEN: dict[str, MetricWrapperBase] = {"stripe_calls": STRIPE_CALLS, "repairs": REPAIRS}


class FigureWriter:
    """Writes what was counted since it last did. What could not be written is written with the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = dict(_values())

    async def write(self) -> None:
        now = dict(_values())
        changed = {key: _minus(value, self._written.get(key, (0, 0.0))) for key, value in now.items()}
        await repository.add(
            self._database, [(*key, count, total) for key, (count, total) in changed.items() if count > 0]
        )
        self._written = now

    async def write_forever(self) -> None:
        while True:
            await asyncio.sleep(WRITTEN_EVERY_SECONDS)
            await self.write_if_possible()

    async def write_if_possible(self) -> None:
        try:
            async with asyncio.timeout(LAST_TAKES_SECONDS):
                await self.write()
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("figures.not_written", kind=type(error).__name__)


def _values() -> Iterator[tuple[tuple[str, str], tuple[int, float]]]:
    """Return how often and how much of each kind there was since the process began."""
    for name, metric in WRITTEN.items():
        values: dict[str, dict[str, float]] = {}
        for sample in next(iter(metric.collect())).samples:
            ending = sample.name.rpartition("_")[2]
            if ending in {"total", "count", "sum"}:
                values.setdefault("|".join(sample.labels.values()), {})[ending] = sample.value
        for label, each in values.items():
            yield (name, label), (int(each.get("count", each.get("total", 0))), each.get("sum", 0.0))


def _minus(value: tuple[int, float], before: tuple[int, float]) -> tuple[int, float]:
    return value[0] - before[0], value[1] - before[1]


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[FigureWriter]:
    """Write this process's numbers beside its work, and once more at the end."""
    writer = FigureWriter(database)
    task = asyncio.create_task(writer.write_forever())
    try:
        yield writer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await writer.write_if_possible()

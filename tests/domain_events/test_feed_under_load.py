"""A reader of the feed has each event once and in order, whatever happens to those who write and to PostgreSQL."""

import asyncio
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from app.db import migrations
from app.db.engine import Database, open_database
from app.db.errors import DatabaseUnavailable
from app.dev.postgres import EmbeddedPostgres
from app.domain_events.feed import START, Position, read_page
from app.settings import DatabaseSettings
from tests import database as own_tables
from tests.faults.test_server import restart
from tests.stack import ROOT
from tests.waiting import until

LATE_SECONDS = 0.4

chance = random.Random()  # noqa: S311 - no secret


@pytest.fixture
def own_url(server: EmbeddedPostgres) -> str:
    server.create_database("feed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", server.url("feed"))
        migrations.upgrade()
    return server.url("feed")


@dataclass
class Reader:
    """Follows the feed, and keeps what it was given."""

    database: Database
    position: Position = START
    seen: list[tuple[int, str, int]] = field(default_factory=list)

    async def read(self) -> bool:
        """Read on; return whether there was anything."""
        page = await read_page(self.database, self.position, limit=chance.randint(1, 500))
        self.seen += [(each["id"], each["reference_id"], each["sequence"]) for each in page.events]
        if page.last is not None:
            self.position = Position(page.last["xid"], page.last["id"])
        return page.last is not None

    async def follow(self) -> None:
        while True:
            with suppress(DatabaseUnavailable):
                await self.read()
            await asyncio.sleep(0.01)


async def _start_writer(url: str, number: int) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.domain_events.writer", url, str(number))
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL)


async def _kill_and_replace(url: str, writers: list[asyncio.subprocess.Process]) -> None:
    """Kill a writer wherever it is, and start another, again and again."""
    while True:
        await asyncio.sleep(chance.uniform(1, 3))
        number = chance.randrange(len(writers))
        writers[number].kill()
        await writers[number].wait()
        writers[number] = await _start_writer(url, number)


async def _hold_transactions_open(url: str) -> None:
    """Write something, and leave it uncommitted for a while, again and again."""
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(url)
            try:
                async with connection.transaction():
                    await connection.execute("UPDATE event_feed SET is_only = true")
                    await asyncio.sleep(chance.uniform(0, LATE_SECONDS))
            finally:
                connection.terminate()
        await asyncio.sleep(chance.uniform(0, 0.1))


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="payments-postgres-") as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server


async def _written(database: Database) -> int:
    with suppress(DatabaseUnavailable):
        return int(await database.fetchval("SELECT count(*) FROM domain_events"))
    return 0


async def _follow_while_written(
    url: str, server: EmbeddedPostgres | None, *, writers: int, events: int, restarts: int = 0
) -> None:
    settings = DatabaseSettings.model_validate({"database_url": url})
    async with open_database(settings) as database:
        reader = Reader(database)
        running = [await _start_writer(url, number) for number in range(writers)]
        others = [
            asyncio.create_task(work)
            for work in (reader.follow(), _kill_and_replace(url, running), _hold_transactions_open(url))
        ]
        try:
            for number in range(1, restarts + 2):
                while await _written(database) < events * number / (restarts + 1):
                    await asyncio.sleep(0.1)
                if number <= restarts and server is not None:
                    await asyncio.to_thread(restart, server, chance.choice([signal.SIGINT, signal.SIGQUIT]))
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for process in running:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        await until(lambda: database.fetchval(own_tables.ARE_READABLE), "all events can be read", seconds=30)
        while await reader.read():
            pass
        written = await database.fetch("SELECT id, reference_id, sequence FROM domain_events")
    assert len(reader.seen) == len(written) >= events
    assert sorted(reader.seen) == sorted((each["id"], each["reference_id"], each["sequence"]) for each in written)
    last: dict[str, int] = {}
    for _, reference, sequence in reader.seen:
        assert sequence == last.get(reference, 0) + 1
        last[reference] = sequence


async def test_each_event_once_and_in_order_while_writers_are_killed(
    database_url: str, database: own_tables.Database
) -> None:
    await _follow_while_written(database_url, None, writers=2, events=600)


@pytest.mark.slow
async def test_twenty_thousand_events_over_kills_and_restarts(own_url: str, server: EmbeddedPostgres) -> None:
    await _follow_while_written(own_url, server, writers=4, events=20_000, restarts=4)

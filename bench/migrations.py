"""What each migration costs with many rows: its longest statement, and how long a writer beside it had to wait."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event

from app.db.migrations import INI
from app.dev.postgres import EmbeddedPostgres
from bench.database import FILL_SECONDS, plain_url

_SECTIONS = Path(__file__).with_name("migrations.sql").read_text(encoding="utf-8").split("-- name: ")[1:]

# Each fills one table with as many rows as its $1 says. In their order.
FILL = {name: statement.strip() for name, _, statement in (section.partition("\n") for section in _SECTIONS)}

# One write to each large table, again and again. A row is its own, so that only a table's lock can make it wait long.
WRITES = (
    "UPDATE payment_references SET next_sequence = next_sequence WHERE kind = 'cart' AND id = 'cart-1'",
    "UPDATE payment_intents SET status = status WHERE id = md5('payment-1')::uuid",
    "UPDATE payment_attempts SET status = status WHERE id = md5('attempt-1')::uuid",
    "UPDATE {events} SET actor = actor WHERE id = 1",
    "UPDATE webhook_events SET type = type WHERE id = 'evt_1'",
)
EVENTS = ("events", "domain_events")  # before and after 0006
PAUSE_SECONDS = 0.002


@dataclass(slots=True)
class Cost:
    """What one migration took, in seconds."""

    revision: str
    whole: float = 0.0
    statements: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """Return a row of the table."""
        longest, wait = max(self.statements, default=0.0), max(self.writes, default=0.0)
        return f"| `{self.revision}` | {self.whole:.2f} s | {longest * 1000:.0f} ms | {wait * 1000:.0f} ms |"


async def measure(server: EmbeddedPostgres, rows: int) -> list[Cost]:
    """Fill the tables of the first release, and bring them to the newest, one migration after the other."""
    server.create_database("migrations")
    url = os.environ["DATABASE_URL"] = server.url("migrations")
    first, *others = [script.revision for script in ScriptDirectory.from_config(Config(INI)).walk_revisions()][::-1]
    await asyncio.to_thread(command.upgrade, Config(INI), first)
    await _fill(url, rows)
    return [await _measure(url, revision) for revision in others]


async def _fill(url: str, rows: int) -> None:
    connection = await asyncpg.connect(plain_url(url), command_timeout=FILL_SECONDS)
    try:
        await connection.execute(
            "SET session_replication_role = replica"
        )  # foreign keys are not checked: they are right
        for statement in FILL.values():
            await connection.execute(statement, rows)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _measure(url: str, revision: str) -> Cost:
    cost, is_done = Cost(revision), asyncio.Event()
    writers = [asyncio.create_task(_write(url, write, cost, is_done)) for write in WRITES]
    began = time.perf_counter()
    try:
        with _timed(cost.statements):
            await asyncio.to_thread(command.upgrade, Config(INI), revision)
    finally:
        cost.whole = time.perf_counter() - began
        is_done.set()
        await asyncio.gather(*writers)
    return cost


async def _write(url: str, write: str, cost: Cost, is_done: asyncio.Event) -> None:
    """Write until the migration is done, and note how long each write took."""
    connection = await asyncpg.connect(plain_url(url))
    names = list(EVENTS)
    try:
        while not is_done.is_set():
            began = time.perf_counter()
            try:
                await connection.execute(write.format(events=names[0]))
            except asyncpg.UndefinedTableError:
                names.reverse()
            cost.writes.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await connection.close()


@contextmanager
def _timed(taken: list[float]) -> Iterator[None]:
    """Note how long each of a migration's statements takes."""
    began = [0.0]

    def before(*_: Any) -> None:
        began[0] = time.perf_counter()

    def after(*_: Any) -> None:
        taken.append(time.perf_counter() - began[0])

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)

"""Run Alembic's migrations with the service's own engine and settings."""

import asyncio
from datetime import timedelta
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.db.connect import Bounds, direct_connector
from app.db.errors import MigrationUnderWay
from app.db.metadata import metadata
from app.domain_events.models import XID8
from app.settings import DatabaseSettings

ischema_names["xid8"] = XID8  # so that Alembic recognizes the type when it reads the database


# A statement may take its time, but nobody waits behind one that waits for a lock. `upgrade` tries again.
BOUNDS = Bounds(statement=None, lock=timedelta(seconds=2))

# All who migrate a database lock the same number, and wait so long for each other.
LOCK = 5_076_113_044
OTHERS = timedelta(minutes=30)
PAUSE = timedelta(seconds=0.5)


def _is_ours(name: str | None, kind: str, _: Any) -> bool:
    """Whether Alembic manages this object: the job queue manages its own tables."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and type(item).__name__ == "XID8":
        autogen.imports.add("from app.domain_events.models import XID8")
        return "XID8()"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=_is_ours,
        render_item=_render,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _migrate() -> None:
    way = direct_connector(DatabaseSettings(), bounds=BOUNDS)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=way.connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await _lock(connection)
            await connection.run_sync(_run)
            await connection.commit()
    finally:
        await engine.dispose()


async def _lock(connection: AsyncConnection) -> None:
    """Be the only one who migrates this database, for as long as the connection lasts.

    Whoever waits in a statement would hold a snapshot, for which CREATE INDEX CONCURRENTLY waits in turn: so ask again.
    """
    for _ in range(round(OTHERS / PAUSE)):
        is_locked = await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK})
        await connection.commit()
        if is_locked:
            return
        await asyncio.sleep(PAUSE.total_seconds())
    raise MigrationUnderWay


asyncio.run(_migrate())

"""Run Alembic's migrations with the service's own engine and settings."""

import asyncio
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.db.metadata import metadata
from app.domain_events.models import XID8
from app.settings import DatabaseSettings

ischema_names["xid8"] = XID8  # so that Alembic recognizes the type when it reads the database


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
    url = DatabaseSettings().database_url.get_secret_value()
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_migrate())

"""Check that the migrations make the tables that the models describe: `python -m app.dev.drift`.

Alembic's own check ignores CHECK constraints, the predicates of partial indexes and defaults, which protect the money.
So one database is made by the migrations and one from the models, and PostgreSQL's descriptions of both are compared.
"""

import asyncio
import difflib
import os
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import migrations
from app.db.metadata import metadata
from app.dev.postgres import temporary_postgres

SHAPE = text("""
WITH tables AS (
  SELECT oid, relname FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname <> 'alembic_version' AND relname NOT LIKE 'pgqueuer%'  -- the job queue's own tables
)
SELECT format('%s: column %s %s%s%s%s', relname, attname, format_type(atttypid, atttypmod),
         CASE WHEN attnotnull THEN ' NOT NULL' END,
         ' DEFAULT ' || pg_get_expr(adbin, adrelid),
         CASE WHEN attidentity <> '' THEN ' IDENTITY' END)
  FROM tables JOIN pg_attribute ON attrelid = oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('%s: constraint %s %s', relname, conname, pg_get_constraintdef(c.oid))
  FROM tables JOIN pg_constraint c ON conrelid = tables.oid WHERE contype <> 'n'  -- NOT NULL is shown with the column
UNION ALL
SELECT format('%s: %s', relname, pg_get_indexdef(indexrelid)) FROM tables JOIN pg_index ON indrelid = oid
ORDER BY 1
""")


async def shape(url: str, *, is_from_models: bool) -> list[str]:
    """Return one line for each column, constraint and index."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        if is_from_models:
            await connection.run_sync(metadata.create_all)
        lines = list(await connection.scalars(SHAPE))
    await engine.dispose()
    return lines


def drift() -> list[str]:
    """Return the lines that differ: `-` is what the migrations make, `+` what the models say."""
    with temporary_postgres() as server:
        for database in ("migrations", "models"):
            server.create_database(database)
        os.environ["DATABASE_URL"] = server.url("migrations")
        migrations.upgrade()
        migrated = asyncio.run(shape(server.url("migrations"), is_from_models=False))
        modelled = asyncio.run(shape(server.url("models"), is_from_models=True))
    return differences(migrated, modelled)


def differences(migrated: list[str], modelled: list[str]) -> list[str]:
    return [line for line in difflib.unified_diff(migrated, modelled, n=0, lineterm="") if line[1:2] not in "-+@"]


if __name__ == "__main__":
    if found := drift():
        sys.exit("\n".join(["The models (+) and the migrations (-) differ:", *found]))

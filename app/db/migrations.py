"""The database's shape: bring it to the newest, and say whether it is there."""

import time
from functools import cache
from pathlib import Path

import asyncpg
import structlog

from app.db.engine import Database, unavailable
from app.db.errors import ReadOnlyServer

log = structlog.get_logger()

INI = Path(__file__).parents[2] / "alembic.ini"

# A lock was not free in time, or two waited for each other.
LOCK_SQLSTATES = frozenset({"55P03", "40P01"})
ATTEMPTS = 30
PAUSE_SECONDS = 1.0

_VERSION = """
SELECT version_num, current_setting('transaction_read_only') = 'on' AS is_read_only FROM alembic_version
"""


def upgrade() -> None:
    """Apply every migration that the database of the environment lacks.

    Who can't get a table's lock within seconds lets others through and tries again. Each step can be repeated, so this
    can be interrupted anywhere. Raises DatabaseUnavailable, MigrationUnderWay or SessionsNotKept.
    """
    from alembic import command  # noqa: PLC0415 - it and SQLAlchemy are a quarter of what the API would load at start
    from alembic.config import Config  # noqa: PLC0415 - as above
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as above

    for pauses_left in reversed(range(ATTEMPTS)):
        try:
            with unavailable():
                command.upgrade(Config(INI), "head")
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in LOCK_SQLSTATES or not pauses_left:
                raise
            log.info("migrations.waited_for_lock", sqlstate=state)
            time.sleep(PAUSE_SECONDS)
        else:
            return


@cache
def _known() -> tuple[str, ...]:
    """Return the migrations of this code, the newest first: their files begin with them."""
    files = (INI.parent / "migrations" / "versions").glob("[0-9]*_*.py")
    return tuple(sorted((path.name.partition("_")[0] for path in files), reverse=True))


def head() -> str:
    """Return the newest migration of this code."""
    return _known()[0]


async def is_current(database: Database) -> bool:
    """Whether the database has at least this code's shape. Raises DatabaseUnavailable, also when it takes no writes.

    A migration that this code does not know was made by a later release, beside which this one goes on working.
    """
    try:
        found = await database.fetchrow(_VERSION)
    except asyncpg.UndefinedTableError:
        return False
    if found is None:
        return False
    if found["is_read_only"]:
        database.distrust_all()
        raise ReadOnlyServer
    return found["version_num"] == head() or found["version_num"] not in _known()

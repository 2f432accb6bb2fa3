"""The database's shape: bring it to the newest, and tell whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.db.engine import Database

INI = Path(__file__).parents[2] / "alembic.ini"


def upgrade() -> None:
    """Apply every migration that the database of the environment lacks."""
    command.upgrade(Config(INI), "head")


@cache
def head() -> str | None:
    """Return the newest migration of this code."""
    return ScriptDirectory.from_config(Config(INI)).get_current_head()


async def is_current(database: Database) -> bool:
    """Whether the database has exactly this code's shape."""
    exists = await database.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
    return bool(exists) and await database.fetchval("SELECT version_num FROM alembic_version") == head()

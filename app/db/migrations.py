"""The database's shape: bring it to the newest, and tell whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

INI = Path(__file__).parents[2] / "alembic.ini"


def upgrade() -> None:
    """Apply every migration that the database of the environment lacks."""
    command.upgrade(Config(INI), "head")


@cache
def head() -> str | None:
    """Name the newest migration of this code."""
    return ScriptDirectory.from_config(Config(INI)).get_current_head()


async def is_current(session: AsyncSession) -> bool:
    """Tell whether the database has exactly this code's shape."""
    exists = await session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    return bool(exists) and await session.scalar(text("SELECT version_num FROM alembic_version")) == head()

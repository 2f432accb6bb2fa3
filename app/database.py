"""The engine, its sessions, and the base of all tables."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import AdaptedConnection, BigInteger, DateTime, MetaData, Text, Uuid, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.settings import DatabaseSettings

type_map = {
    str: Text(),
    int: BigInteger(),
    datetime: DateTime(timezone=True),
    uuid.UUID: Uuid(),
    dict[str, Any]: JSONB(none_as_null=True),
    list[str]: JSONB(none_as_null=True),
}

Sessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    """Constraints get names by rule, so that a migration can name them too."""

    type_annotation_map = type_map
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Make a pool that hands out only live connections, so that a restarted database costs no error."""
    engine = create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,
        connect_args={"timeout": 5, "server_settings": {"application_name": "payments"}},
    )
    event.listen(engine.sync_engine, "checkout", _check_alive)
    return engine


def _check_alive(connection: AdaptedConnection, *_: object) -> None:
    """Have the pool replace a connection that the server has closed.

    The driver knows at once when it has; asking the server (`pool_pre_ping`) costs three round trips each time.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Make sessions whose objects stay readable after commit: they are what we answer with."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)

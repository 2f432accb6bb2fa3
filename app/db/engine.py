"""The engine, its sessions, and the base of all tables."""

import math
import time
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import AdaptedConnection, BigInteger, DateTime, MetaData, Text, Uuid, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

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


# The driver knows of itself when the server has closed a connection. One that was idle for longer is asked too, as
# its server may be gone without a word; asking each time would cost three round trips.
FRESH_SECONDS = 1.0


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Make a pool that hands out only live connections, so that a restarted database costs no error."""
    engine = create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,  # the one used last: it is alive, and knows the statements
        hide_parameters=True,
        connect_args={"timeout": 5, "server_settings": {"application_name": "payments"}},
    )
    dialect = engine.sync_engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def note_use(_: AdaptedConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def check_alive(connection: Any, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError  # the pool takes another, or makes one
        if time.monotonic() - record.info.get("used_at", math.inf) < FRESH_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    return engine


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Make sessions whose objects stay readable after commit: they are what we answer with."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)

"""The way to PostgreSQL: one pool for each process, statements prepared once for each connection.

Whatever goes wrong on the way is one of two things: DatabaseUnavailable (send the same request again), or asyncpg's own
error about a statement that PostgreSQL refused.
"""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import asyncpg
import structlog

from app.db.errors import UNAVAILABLE_SQLSTATES, DatabaseUnavailable
from app.settings import DatabaseSettings

log = structlog.get_logger()

# asyncpg ships no types. A row gives its columns by name; a connection is the pool's, inside `Database.connection` or
# `Database.transaction`.
Record: TypeAlias = Mapping[str, Any]
Connection: TypeAlias = Any

# A connection that was idle for longer is asked whether its server is still there: it may be gone without a word.
FRESH_SECONDS = 1.0

CONNECT_SECONDS = 5.0
PING_SECONDS = 2.0
ACQUIRE_SECONDS = 10.0
STATEMENT_SECONDS = 15.0

# Statements are planned once for a connection: planning takes longer than most of them. That may be while a table is new
# and empty, and a plan that reads all of it would be kept when there are millions of rows: each has an index to use.
SESSION_SETTINGS = {
    "application_name": "payments",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}


class Database:
    """A pool of connections, bound to one event loop. Every method raises DatabaseUnavailable."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._used_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    async def fetch(self, sql: str, *values: object) -> list[Record]:
        """Run one statement by itself and return its rows."""
        async with self.connection() as connection:
            rows: list[Record] = await connection.fetch(sql, *values)
            return rows

    async def fetchrow(self, sql: str, *values: object) -> Record | None:
        async with self.connection() as connection:
            row: Record | None = await connection.fetchrow(sql, *values)
            return row

    async def fetchone(self, sql: str, *values: object) -> Record:
        """Run a statement that always has a row, and return it."""
        row = await self.fetchrow(sql, *values)
        if row is None:
            raise LookupError("the statement returned no row")
        return row

    async def fetchval(self, sql: str, *values: object) -> Any:
        async with self.connection() as connection:
            return await connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: object) -> str:
        """Run one statement by itself and return PostgreSQL's word for what it did, as `DELETE 3`."""
        async with self.connection() as connection:
            done: str = await connection.execute(sql, *values)
            return done

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction that commits at the end, or is rolled back by an error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection that is alive."""
        with unavailable():
            connection = await self._acquire()
            try:
                yield connection
            finally:
                self._used_at[connection._con] = time.monotonic()  # noqa: SLF001 - the proxy is another at each turn
                await self._pool.release(connection, timeout=PING_SECONDS)

    async def _acquire(self) -> Connection:
        """Take connections until one answers: each that does not is thrown away."""
        while True:
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
            used_at = self._used_at.get(connection._con)  # noqa: SLF001 - as above
            if used_at is None or time.monotonic() - used_at < FRESH_SECONDS:
                return connection
            try:
                await connection.execute("SELECT 1", timeout=PING_SECONDS)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # a TimeoutError is an OSError
                connection.terminate()
                await self._pool.release(connection)
            else:
                return connection


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn errors that say that the database is not there now into DatabaseUnavailable."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if is_unavailable(error):
            log.warning("database.unavailable", kind=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))
            raise DatabaseUnavailable from error
        raise


def is_unavailable(error: BaseException) -> bool:
    """Whether the database is not there now, rather than refusing a statement, which would be our own fault."""
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate in UNAVAILABLE_SQLSTATES or isinstance(error, asyncpg.PostgresConnectionError)
    return isinstance(error, OSError | asyncpg.InterfaceError)


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Open a pool; its connections are made when they are needed."""
    pool = asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=0,
        max_size=settings.database_pool_size,
        max_inactive_connection_lifetime=300,
        max_queries=10**9,
        reset=_leave_as_it_is,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings=SESSION_SETTINGS,
    )
    async with pool:
        yield Database(pool)


async def _leave_as_it_is(_: Connection) -> None:
    """Keep a returned connection as it is: nothing here sets anything on one, and to reset it costs a round trip."""

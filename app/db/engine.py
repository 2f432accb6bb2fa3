"""The way to PostgreSQL: one pool for each process, statements prepared once for each connection.

Whatever goes wrong on the way is one of two things: DatabaseUnavailable (send the same request again), or asyncpg's own
error about a statement that PostgreSQL refused.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, TypeAlias

import asyncpg
import structlog

from app.db.connect import Connection as Connection  # noqa: PLC0414 - others have it from here
from app.db.connect import ServiceConnection, connector, direct_connector
from app.db.errors import DRIVER_ERRORS, DatabaseUnavailable, is_ended, is_unavailable, says_that_others_ended
from app.settings import DatabaseSettings

log = structlog.get_logger()

# asyncpg ships no types. A row gives its columns by name; a connection is the pool's, inside `Database.connection` or
# `Database.transaction`.
Record: TypeAlias = Mapping[str, Any]

# A connection that was idle for longer is asked whether its server is still there: it may be gone without a word.
FRESH_SECONDS = 1.0

PING_SECONDS = 2.0
ACQUIRE_SECONDS = 5.0
CLOSE_SECONDS = 2.0


class Database:
    """A pool of connections, bound to one event loop. Every method raises DatabaseUnavailable."""

    def __init__(self, pool: asyncpg.Pool, *, is_pooled: bool = False) -> None:
        self._pool = pool
        self._is_pooled = is_pooled
        self._distrust_before = 0.0

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

    def connection(self) -> "BorrowedConnection":
        """Lend a connection that is alive. Whoever has one asks for no second one: the pool may have only one."""
        return BorrowedConnection(self)

    async def acquire(self) -> Connection:
        """Take connections until one is good: each that is not is thrown away."""
        while True:
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
            raw = connection._con  # noqa: SLF001 - the pool's proxy is another at each turn
            if raw.opened_at >= self._distrust_before and await self._is_alive(raw):
                return connection
            raw.terminate()  # which gives its place back

    async def _is_alive(self, raw: Connection) -> bool:
        if time.monotonic() - raw.used_at < FRESH_SECONDS:
            return True
        try:
            await raw.execute("SELECT 1", timeout=PING_SECONDS)
        except DRIVER_ERRORS as error:
            self.distrust_after(error)
            return False
        return True

    def distrust_after(self, error: BaseException) -> None:
        """Use none of the present connections again, if their server has probably left them all."""
        if says_that_others_ended(error) and not (self._is_pooled and isinstance(error, TimeoutError)):
            self.distrust_all()

    def distrust_all(self) -> None:
        """Use none of the present connections again."""
        self._distrust_before = time.monotonic()

    async def release(self, connection: Connection, raw: Connection, error: BaseException | None) -> None:
        """Return a connection to the pool, or close it after an error that ended it."""
        raw.used_at = time.monotonic()
        if error is not None:
            self.distrust_after(error)
            # A pooler has told the server nothing of our bounds: that statement is to be cancelled by the release.
            is_to_cancel = self._is_pooled and isinstance(error, TimeoutError)
            if is_ended(error) and not is_to_cancel:
                raw.terminate()
        await self._pool.release(connection, timeout=PING_SECONDS)


class BorrowedConnection:
    """A connection of the pool for as long as a block lasts; its errors become DatabaseUnavailable where they are."""

    __slots__ = ("_connection", "_database", "_raw")

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Connection:
        try:
            self._connection = await self._database.acquire()
        except Exception as error:
            _raise_unavailable(error)
            raise
        self._raw = self._connection._con  # noqa: SLF001 - see `acquire`
        return self._connection

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            await self._database.release(self._connection, self._raw, error)
        except DRIVER_ERRORS as failed:
            # What was done is done, and the connection is closed already: only an error of the block counts.
            log.warning("database.connection_dropped", kind=type(failed).__name__)
        if error is not None:
            _raise_unavailable(error)


def _raise_unavailable(error: BaseException) -> None:
    """Raise DatabaseUnavailable if the error says that the database is not there now."""
    if isinstance(error, DatabaseUnavailable):
        log.warning("database.unavailable", kind=type(error).__name__, reason=error.detail)
    elif is_unavailable(error):
        state = getattr(error, "sqlstate", None)
        log.warning("database.unavailable", kind=type(error).__name__, sqlstate=state, reason=str(error))
        raise DatabaseUnavailable from error


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn errors that say that the database is not there now into DatabaseUnavailable."""
    try:
        yield
    except Exception as error:
        _raise_unavailable(error)
        raise


@asynccontextmanager
async def open_database(settings: DatabaseSettings, *, is_direct: bool = False) -> AsyncIterator[Database]:
    """Open a pool; its connections are made when they are needed. A direct one goes round a pooler."""
    way = direct_connector(settings) if is_direct else connector(settings)
    pool = await asyncpg.create_pool(
        connect=way.connect,
        connection_class=ServiceConnection,
        min_size=0,
        max_size=settings.database_pool_size,
        max_inactive_connection_lifetime=300,
        max_queries=10**9,
        reset=_leave_as_it_is,
    )
    try:
        yield Database(pool, is_pooled=way.is_pooled)
    finally:
        await _close(pool)


async def _close(pool: asyncpg.Pool) -> None:
    """Close the connections in good order, or leave those that do not answer."""
    with suppress(*DRIVER_ERRORS):  # the pool ends them then
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()


async def _leave_as_it_is(_: Connection) -> None:
    """Keep a returned connection as it is: nothing here sets anything on one, and to reset it costs a round trip."""

"""How the job queue reaches the database: through the service's pool, and as long as it takes.

PgQueuer ends when one of its statements fails. So a statement waits here until the database is there again, and the
connection that listens for new jobs is replaced when it is lost: the worker outlives its database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self, TypeVar

import structlog
from pgqueuer.adapters.drivers.asyncpg import Relay
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import Driver, NotifyCallback

from app.db.connect import Connection, Connector
from app.db.engine import PING_SECONDS, Database
from app.db.errors import DRIVER_ERRORS, DatabaseUnavailable

log = structlog.get_logger()

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0

# So often the listening connection is asked whether its server is still there.
PROBE_SECONDS = 5.0

# A worker that stops gives an absent database no longer than this for each statement.
STOP_SECONDS = 2.0


class QueueDriver(Driver):
    """PgQueuer's driver. `way` leads to PostgreSQL itself: LISTEN needs a session."""

    def __init__(self, database: Database, way: Connector, stop: asyncio.Event) -> None:
        self._database = database
        self._way = way
        self._stop = stop
        self._callbacks: list[tuple[str, NotifyCallback]] = []
        self._listening: asyncio.Task[None] | None = None
        self._entered = 0

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        rows = await self._persist(lambda: self._database.fetch(query, *args))
        return [dict(row) for row in rows]

    async def execute(self, query: str, *args: object) -> str:
        return await self._persist(lambda: self._database.execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        await self._persist(lambda: self._database.execute("SELECT pg_notify($1, $2)", channel, payload))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen from the next connection on, which is made now."""
        self._callbacks.append((channel, callback))
        await self._end_listening()
        self._listening = asyncio.create_task(self._listen())

    @property
    def shutdown(self) -> asyncio.Event:
        return self._stop

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> Self:
        self._entered += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._entered -= 1  # PgQueuer enters twice: for its jobs and for its schedules
        if self._entered == 0:
            await self._end_listening()

    async def _persist(self, statement: Callable[[], Awaitable[T]]) -> T:
        """Try until the database is there. Raises DatabaseUnavailable only while the worker stops."""
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                return await statement()
            except DatabaseUnavailable:
                await self._pause(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await statement()
        except TimeoutError as error:
            raise DatabaseUnavailable from error

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _end_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
            self._listening = None

    async def _listen(self) -> None:
        """Keep a connection that listens: make another as soon as one is lost."""
        pause = FIRST_PAUSE
        while True:
            connection: Connection = None
            try:
                connection = await self._way.connect()
                for channel, callback in self._callbacks:
                    await connection.add_listener(channel, Relay(callback))
                pause = FIRST_PAUSE
                await self._until_lost(connection)
            except DRIVER_ERRORS as error:
                log.warning("worker.stopped_listening", kind=type(error).__name__, reason=str(error))
            except DatabaseUnavailable as error:
                log.warning("worker.cannot_listen", reason=error.detail)
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _until_lost(self, connection: Connection) -> None:
        """Return when the connection was closed; raise when its server does not answer."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not connection.is_closed():
            with suppress(TimeoutError):
                await asyncio.wait_for(lost.wait(), PROBE_SECONDS)
                return
            await connection.execute("SELECT 1", timeout=PING_SECONDS)

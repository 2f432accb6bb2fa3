"""Put jobs into the queue, in the caller's own transaction: a job exists if and only if its cause does.

Jobs carry only ids. The tables are the truth; the queue only says that somebody should look now.
"""

import asyncio
import json
from typing import Any, Literal, Self

from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import Driver, NotifyCallback
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncSession

Job = Literal["converge", "expire", "adopt", "sync_disputes", "finish_refund", "sync_refunds"]


class SessionDriver(Driver):
    """Run the queue's statements inside a session's transaction.

    Handing the queue SQLAlchemy's raw asyncpg connection would leak a job through a rollback: SQLAlchemy
    begins its transaction only with its own first statement.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, args)
        return [dict(row) for row in result.mappings()]

    async def execute(self, query: str, *args: object) -> str:
        connection = await self._session.connection()
        await connection.exec_driver_sql(query, args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        raise NotImplementedError("a transaction cannot listen")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def enqueue(session: AsyncSession, job: Job, *, is_repeat: bool = False, **ids: Any) -> None:
    """Put a job into the queue when, and only when, the session's transaction commits.

    A repeat (of a sweep that comes again) is left out while the same job waits or runs. News never is: the one
    that runs may have looked at the tables before.
    """
    payload = json.dumps({name: str(value) for name, value in ids.items()})
    key = f"{job}:{payload}" if is_repeat else None
    queries = Queries(SessionDriver(session))
    await queries.enqueue([job], [payload.encode()], [0], dedupe_key=[key], on_conflict="skip")

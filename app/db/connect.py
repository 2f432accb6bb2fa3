"""Make connections to PostgreSQL, each with a bound on every wait, the same for all who need one.

Who waits for what, and for how long at most:

    a connection                   CONNECT_SECONDS for each host, or the address's `connect_timeout`
    a lock                         DATABASE_LOCK_TIMEOUT, by the server
    a statement                    DATABASE_STATEMENT_TIMEOUT, by the server; a second longer, by us
    our next word                  IDLE_IN_TRANSACTION_SECONDS, by the server, for a transaction of ours
    an acknowledgement (TCP)       UNACKNOWLEDGED_SECONDS, by this machine
    a sign of life of an idle one  KEEPALIVE, by this machine
"""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg

from app.db.errors import SessionsNotKept, is_unavailable
from app.db.url import DatabaseUrl
from app.settings import DatabaseSettings

# asyncpg ships no types.
Connection: TypeAlias = Any

CONNECT_SECONDS = 3.0
IDLE_IN_TRANSACTION_SECONDS = 10
UNACKNOWLEDGED_SECONDS = 5

# Idle for so long, then asked so many times in so many seconds.
KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}

# The server ends a statement first; if it does not, it is gone.
ANSWER_SLACK_SECONDS = 1.0

# Statements are planned once for a connection: planning takes longer than most of them. That may be while a table is
# empty, and a plan that reads all of it would be kept when there are millions of rows: each has an index to use.
PLANNING = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}

UNSUPPORTED = "unsupported startup parameter"  # PgBouncer's word


class ServiceConnection(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """A connection that knows when it was made and last used, in monotonic seconds."""

    __slots__ = ("opened_at", "used_at")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a connection's statements may take and wait for locks; None for as long as they need."""

    statement: timedelta | None
    lock: timedelta

    @property
    def statement_seconds(self) -> float | None:
        """How long we wait for an answer."""
        return None if self.statement is None else self.statement.total_seconds() + ANSWER_SLACK_SECONDS

    def server_settings(self) -> dict[str, str]:
        return {
            "statement_timeout": _milliseconds(self.statement or timedelta(0)),
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_SECONDS * 1000),
        }


@dataclass(slots=True)
class Connector:
    """Make connections to one address, whose server takes writes.

    With a pooler (`is_pooled`) statements are not kept prepared, and the server is not told bounds: a session there is
    not ours. What `connect` raises is asyncpg's, an OSError, or SessionsNotKept.
    """

    url: DatabaseUrl
    bounds: Bounds
    is_pooled: bool = False
    _last_host: tuple[str, int] | None = field(default=None, init=False)
    _keeps_sessions: bool = field(default=False, init=False)

    async def connect(self, _: str | None = None, **options: Any) -> Connection:
        """Return a new connection, to the first host that gives one. A pool calls this with options of its own."""
        options.pop("connection_class", None)
        error: BaseException = OSError("no host")
        for host, port in self._hosts():
            try:
                connection = await self._connect_to(host, port, options)
            except Exception as failed:
                if _refuses_settings(failed):
                    raise SessionsNotKept from failed
                if not is_unavailable(failed):
                    raise
                error = failed
                continue
            self._last_host = None if host is None or port is None else (host, port)
            return connection
        raise error

    def _hosts(self) -> Iterator[tuple[str, int] | tuple[None, None]]:
        """List the hosts, the one that worked last first."""
        if not self.url.hosts:
            yield None, None
        if self._last_host is not None:
            yield self._last_host
        yield from (each for each in self.url.hosts if each != self._last_host)

    async def _connect_to(self, host: str | None, port: int | None, options: dict[str, Any]) -> Connection:
        connection = await asyncpg.connect(
            connection_class=ServiceConnection,
            host=host,
            port=port,
            user=self.url.user,
            password=self.url.password,
            database=self.url.database,
            timeout=self.url.connect_seconds or CONNECT_SECONDS,
            command_timeout=self.bounds.statement_seconds,
            statement_cache_size=0 if self.is_pooled else 100,
            server_settings=self._server_settings(),
            target_session_attrs="read-write",
            **self.url.tls_arguments(),
            **options,
        )
        try:
            self._bound_socket(connection)
            await self._check_session(connection)
            connection.opened_at = connection.used_at = time.monotonic()
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _server_settings(self) -> dict[str, str]:
        ours = {} if self.is_pooled else self.bounds.server_settings() | PLANNING
        return {"application_name": "payments", **self.url.server_settings, **ours}

    async def _check_session(self, connection: Connection) -> None:
        """Ask once whether the session has what it was opened with. Raises SessionsNotKept."""
        if self.is_pooled or self._keeps_sessions:
            return
        try:
            bound = await connection.fetchval("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
        except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError) as error:
            raise SessionsNotKept from error  # the statement is another client's, or was prepared elsewhere
        if bound != _milliseconds(self.bounds.lock):
            raise SessionsNotKept
        self._keeps_sessions = True

    def _bound_socket(self, connection: Connection) -> None:
        """Let this machine notice that the other is gone; a Unix socket's other side is this machine."""
        end = connection._transport.get_extra_info("socket")  # noqa: SLF001 - there is no other way to it
        if end is None or end.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        options = {**KEEPALIVE, "tcp_user_timeout": UNACKNOWLEDGED_SECONDS * 1000, **self.url.socket_options}
        for name, (level, option) in _socket_options().items():
            with suppress(OSError):  # a system may have the name and not the thing
                end.setsockopt(level, option, options[name])


def connector(settings: DatabaseSettings) -> Connector:
    """Return the way to the database for what needs no session."""
    return Connector(
        DatabaseUrl.parse(settings.database_url.get_secret_value()),
        _bounds(settings),
        is_pooled=settings.database_direct_url is not None,
    )


def direct_connector(settings: DatabaseSettings, *, bounds: Bounds | None = None) -> Connector:
    """Return the way to PostgreSQL itself, for what needs a session: LISTEN, migrations."""
    url = settings.database_direct_url or settings.database_url
    return Connector(DatabaseUrl.parse(url.get_secret_value()), bounds or _bounds(settings))


async def check_sessions(settings: DatabaseSettings) -> str | None:
    """Return why the service can't work with what DATABASE_URL or DATABASE_DIRECT_URL leads to; None if it can.

    A server that does not answer now is no reason.
    """
    name = "DATABASE_URL" if settings.database_direct_url is None else "DATABASE_DIRECT_URL"
    try:
        connection = await direct_connector(settings).connect()
    except SessionsNotKept:
        return f"{name} leads to a connection pooler. Set DATABASE_DIRECT_URL to the address of PostgreSQL itself."
    except Exception:
        return None
    connection.terminate()
    return None


def _bounds(settings: DatabaseSettings) -> Bounds:
    return Bounds(settings.database_statement_timeout, settings.database_lock_timeout)


def _milliseconds(time: timedelta) -> str:
    return str(round(time.total_seconds() * 1000))


def _refuses_settings(error: BaseException) -> bool:
    return isinstance(error, asyncpg.PostgresError) and UNSUPPORTED in str(error)


def _socket_options() -> dict[str, tuple[int, int]]:
    """Return libpq's names for this system's socket options."""
    tcp = {
        "keepalives_idle": ("TCP_KEEPIDLE", "TCP_KEEPALIVE"),  # Linux's name, macOS's name
        "keepalives_interval": ("TCP_KEEPINTVL",),
        "keepalives_count": ("TCP_KEEPCNT",),
        "tcp_user_timeout": ("TCP_USER_TIMEOUT",),
    }
    found = {"keepalives": (socket.SOL_SOCKET, socket.SO_KEEPALIVE)}
    for ours, names in tcp.items():
        known = [getattr(socket, name) for name in names if hasattr(socket, name)]
        if known:
            found[ours] = (socket.IPPROTO_TCP, known[0])
    return found

"""What is wrong with the database, and what PostgreSQL's own codes mean for who asked."""

import asyncpg

from app.errors import Unavailable

# SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html) that say that nothing was done and that the
# same request may do better later. Class 08: the connection is gone; 28: the role or its password is not accepted, as
# while it is changed; 53: out of connections, memory or disk; 57P: the server stops, starts or ended the session.
UNAVAILABLE_CLASSES = frozenset({"08", "28", "53"})
UNAVAILABLE_SQLSTATES = {
    "25006": "read-only: the server is a standby, or was demoted to one",
    "25P03": "the transaction was idle for too long",
    "25P04": "the transaction took too long",
    "3D000": "the database does not exist, or not yet",
    "40001": "another transaction was in the way",
    "40P01": "two transactions waited for each other",
    "42501": "the role lacks a right, or was dropped while it was in use",
    "55P03": "a lock was not free in time",
    "57014": "the statement took too long",
    "57P01": "the server stops, or an operator ended the session",
    "57P02": "the server crashed",
    "57P03": "the server starts, or stops",
    "57P04": "the database was dropped",
    "57P05": "the session was idle for too long",
    "58000": "the server's machine is in trouble",
    "58030": "the server's disk is in trouble",
}

# After these a connection is of no use: its session is over, its server takes no writes, or its role was dropped (one
# of the same name is another to PostgreSQL).
ENDED_SQLSTATES = frozenset({"25006", "42501", "25P03", "25P04", "57P01", "57P02", "57P03", "57P04", "57P05"})


# What asyncpg raises. An InternalClientError is what it makes of a server that takes no writes, or that ends a
# connection between two statements. A TimeoutError is an OSError.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class DatabaseUnavailable(Unavailable):
    """The database can't be reached. Send the same request again."""

    code, title = "database_unavailable", "Database unavailable"


class NotMigrated(Unavailable):
    """The database does not have this version's tables; run `python -m app migrate`."""

    code, title = "not_migrated", "Not migrated"


class MigrationUnderWay(Unavailable):
    """Another process has been migrating this database for very long; look what it waits for."""

    code, title = "migration_under_way", "Migration under way"


class ReadOnlyServer(DatabaseUnavailable):
    """The database takes no writes now. Send the same request again."""


class SessionsNotKept(DatabaseUnavailable):
    """Something between here and PostgreSQL does not keep sessions.

    A pooler in transaction mode works with DATABASE_DIRECT_URL, the address of PostgreSQL itself.
    """


def is_unavailable(error: BaseException) -> bool:
    """Whether the database is not there now, rather than refusing a statement, which would be our own fault."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return (
            state in UNAVAILABLE_SQLSTATES
            or state[:2] in UNAVAILABLE_CLASSES
            or isinstance(error, asyncpg.InvalidCachedStatementError)  # a migration has just changed a table
        )
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # that would be a value of ours that fits no column
    return isinstance(error, OSError | asyncpg.InternalClientError)


def is_ended(error: BaseException) -> bool:
    """Whether the connection can't be used any more."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in ENDED_SQLSTATES or state.startswith("08")
    return isinstance(error, OSError | asyncpg.InternalClientError)


def says_that_others_ended(error: BaseException) -> bool:
    """Whether the other connections are probably in the same state: the server was demoted, or answers nothing."""
    return isinstance(error, OSError | asyncpg.ReadOnlySQLTransactionError)

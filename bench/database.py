"""The service's tables, filled with copies of one cart; the statements stand in `tables.sql`."""

import re
import uuid
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import asyncpg

_SECTIONS = Path(__file__).with_name("tables.sql").read_text().split("-- name: ")[1:]
STATEMENTS = {name: statement.strip() for name, _, statement in (section.partition("\n") for section in _SECTIONS)}
# Identity columns are left out as well: the table numbers them.
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''
  AND attname <> ALL ($2)
"""
STEP = 50_000
FILL_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Payment:
    """A copied payment: its cart, our id and Stripe's."""

    prefix: str
    number: int

    @property
    def cart(self) -> str:
        return f"{self.prefix}-{self.number}"

    @property
    def id(self) -> uuid.UUID:
        return uuid.UUID(md5(self.cart.encode(), usedforsecurity=False).hexdigest())

    @property
    def stripe_id(self) -> str:
        return f"pi_{self.cart}"


def plain_url(url: str) -> str:
    """Return the address as asyncpg and Node take it."""
    return url.replace("+asyncpg", "")


async def rows(url: str, name: str, *arguments: object) -> list[Any]:
    """Run one of the named statements."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        return list(await connection.fetch(STATEMENTS[name], *arguments))
    finally:
        await connection.close()


async def written_bytes(url: str) -> int:
    """Return how much the server has written to its log of changes, all databases together."""
    return int(await _value(url, "SELECT pg_current_wal_lsn() - '0/0'"))


async def size(url: str) -> int:
    """Return the bytes that the database takes on the disk, indexes included."""
    return int(await _value(url, "SELECT pg_database_size(current_database())"))


async def _value(url: str, query: str) -> Any:
    connection = await asyncpg.connect(plain_url(url))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def clone(url: str, cart: str, prefix: str, count: int) -> list[Payment]:
    """Copy the cart with all that belongs to it; return the copies.

    Foreign keys are not checked meanwhile: the copies are whole, and checking takes most of the time.
    """
    connection = await asyncpg.connect(plain_url(url), command_timeout=FILL_SECONDS)
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        for name in (name for name in STATEMENTS if name.startswith("clone ")):
            statement = await complete(connection, name)
            for first in range(1, count + 1, STEP):
                await connection.execute(statement, prefix, cart, first, min(first + STEP - 1, count))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return [Payment(prefix, number) for number in range(1, count + 1)]


async def execute(url: str, statement: str) -> None:
    """Run a statement that takes longer than the service lets one take, and look at the tables anew."""
    connection = await asyncpg.connect(plain_url(url), command_timeout=FILL_SECONDS)
    try:
        await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def complete(connection: Any, name: str) -> str:
    """Return the statement with all columns named that it does not set itself."""
    statement = STATEMENTS[name]
    if "{columns}" not in statement:
        return statement
    own = re.findall(r"\w+", statement.partition("{columns}")[0].partition("(")[2])
    table = name.removeprefix("clone ")
    others = ", ".join(f'"{row["attname"]}"' for row in await connection.fetch(COLUMNS, table, own))
    return statement.replace("{columns}", others)

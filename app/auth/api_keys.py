"""API keys: `pay_<public id>_<secret>`, shown once; found by the id, proved by the secret."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.db.engine import Connection, Database, Record

PREFIX = "pay"

# What a wrong secret is compared with when there is no such key: then that takes no less work.
NOBODY = bytes(hashlib.sha256().digest_size)

_INSERT = "INSERT INTO api_keys (id, client, scopes, secret_hash) VALUES ($1, $2, $3, $4)"


class KeyRefused(Exception):
    """A key can't be rotated or revoked; the message says why."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request: a client by name, with which of its keys, and what it may do."""

    client: str
    scopes: frozenset[str]
    key_id: str
    expires_at: datetime | None = None

    @property
    def actor(self) -> str:
        """How domain events name it."""
        return f"client:{self.client}/{self.key_id}"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `secret` is the whole key and is never to be had again."""

    id: str
    client: str
    scopes: tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is listed, without anything secret."""

    id: str
    client: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def create(connection: Connection | Database, *, client: str, scopes: Sequence[str]) -> NewKey:
    """Make a key for the client and store its hash."""
    public, secret = secrets.token_hex(8), secrets.token_hex(32)
    await connection.execute(_INSERT, public, client, json.dumps(list(scopes)), _hash(secret))
    return NewKey(id=public, client=client, scopes=tuple(scopes), secret=f"{PREFIX}_{public}_{secret}")


async def rotate(connection: Connection, key_id: str, *, overlap: timedelta) -> NewKey:
    """Make a key's successor, with its client and scopes; the old key works for `overlap` more.

    Raises KeyRefused for a key that is revoked or has a successor: at most two of a line are valid at once.
    """
    row = await _lock(connection, key_id)
    if row["revoked_at"] is not None:
        raise KeyRefused(f"{key_id} is revoked; create a new key instead.")
    if row["expires_at"] is not None:
        raise KeyRefused(f"{key_id} was rotated already; rotate its successor.")
    await connection.execute("UPDATE api_keys SET expires_at = now() + $2 WHERE id = $1", key_id, overlap)
    return await create(connection, client=row["client"], scopes=json.loads(row["scopes"]))


async def revoke(connection: Connection, key_id: str) -> None:
    """Make a key useless, at the latest when those who remember it have forgotten it. Raises KeyRefused."""
    await _lock(connection, key_id)
    await connection.execute("UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", key_id)


async def list_all(connection: Connection | Database) -> tuple[list[StoredKey], datetime]:
    """Return every key that there ever was, by client and age, and the database's time."""
    rows = await connection.fetch("SELECT * FROM api_keys ORDER BY client, created_at")
    return [_stored(row) for row in rows], await connection.fetchval("SELECT now()")


async def find_caller(database: Connection | Database, key: str) -> Caller | None:
    """Return the client that the key belongs to, or None when it is unknown, wrong, revoked or expired."""
    prefix, _, rest = key.partition("_")
    public, _, secret = rest.partition("_")
    if prefix != PREFIX or not public.isalnum() or not public.isascii():
        return None
    row = await database.fetchrow(
        "SELECT *, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS is_valid"
        " FROM api_keys WHERE id = $1",
        public,
    )
    is_proved = hmac.compare_digest(row["secret_hash"] if row else NOBODY, _hash(secret))
    if row is None or not is_proved or not row["is_valid"]:
        return None
    return Caller(row["client"], frozenset(json.loads(row["scopes"])), row["id"], row["expires_at"])


async def _lock(connection: Connection, key_id: str) -> Record:
    row: Record | None = await connection.fetchrow("SELECT * FROM api_keys WHERE id = $1 FOR UPDATE", key_id)
    if row is None:
        raise KeyRefused(f"There is no key {key_id}; `keys list` shows all.")
    return row


def _stored(row: Record) -> StoredKey:
    names = ("id", "client", "created_at", "last_used_at", "expires_at", "revoked_at")
    values: dict[str, Any] = {name: row[name] for name in names}
    return StoredKey(**values, scopes=tuple(json.loads(row["scopes"])))

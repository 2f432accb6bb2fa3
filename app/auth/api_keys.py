"""API keys: `pay_<public id>_<secret>`, shown once; found by the id, proved by the secret."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import ApiKey

Scope = Literal["payments:read", "payments:write", "refunds:write", "events:read", "admin"]

PREFIX = "pay"

# What a wrong secret is compared with when there is no such key: then that takes no less work.
NOBODY = bytes(hashlib.sha256().digest_size)


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


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create(session: AsyncSession, *, client: str, scopes: Sequence[str]) -> NewKey:
    """Make a key for the client and store its hash."""
    public, secret = secrets.token_hex(8), secrets.token_hex(32)
    session.add(ApiKey(id=public, client=client, scopes=list(scopes), secret_hash=_hash(secret)))
    return NewKey(id=public, client=client, scopes=tuple(scopes), secret=f"{PREFIX}_{public}_{secret}")


async def rotate(session: AsyncSession, key_id: str, *, overlap: timedelta) -> NewKey:
    """Make a key's successor, with its client and scopes; the old key works for `overlap` more.

    Raises KeyRefused for a key that is revoked or has a successor: at most two of a line are valid at once.
    """
    row = await _lock(session, key_id)
    if row.revoked_at is not None:
        raise KeyRefused(f"{key_id} is revoked; create a new key instead.")
    if row.expires_at is not None:
        raise KeyRefused(f"{key_id} was rotated already; rotate its successor.")
    row.expires_at = await _now(session) + overlap
    return create(session, client=row.client, scopes=row.scopes)


async def revoke(session: AsyncSession, key_id: str) -> None:
    """Make a key useless, at the latest when those who remember it have forgotten it. Raises KeyRefused."""
    row = await _lock(session, key_id)
    row.revoked_at = row.revoked_at or await _now(session)


async def list_all(session: AsyncSession) -> tuple[list[ApiKey], datetime]:
    """Return every key that there ever was, by client and age, and the time at the database."""
    rows = await session.scalars(select(ApiKey).order_by(ApiKey.client, ApiKey.created_at))
    return list(rows), await _now(session)


async def find_caller(session: AsyncSession, key: str) -> Caller | None:
    """Return the client that the key belongs to, or None when it is unknown, wrong, revoked or expired."""
    prefix, _, rest = key.partition("_")
    public, _, secret = rest.partition("_")
    if prefix != PREFIX or not public.isalnum() or not public.isascii():
        return None
    row = await session.get(ApiKey, public)
    if not hmac.compare_digest(row.secret_hash if row else NOBODY, _hash(secret)):
        return None
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= await _now(session):
        return None
    return Caller(row.client, frozenset(row.scopes), row.id, row.expires_at)


async def _lock(session: AsyncSession, key_id: str) -> ApiKey:
    row = await session.get(ApiKey, key_id, with_for_update=True)
    if row is None:
        raise KeyRefused(f"There is no key {key_id}; `keys list` shows all.")
    return row


async def _now(session: AsyncSession) -> datetime:
    now: datetime = (await session.scalars(select(func.now()))).one()
    return now

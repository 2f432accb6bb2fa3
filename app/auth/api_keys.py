"""API keys: `pay_<public id>_<secret>`, shown once; found by the id, proved by the secret."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import ApiKey

Scope = Literal["payments:read", "payments:write", "refunds:write", "events:read", "admin"]

PREFIX = "pay"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request: a client by name, and what it may do."""

    client: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `secret` is the whole key and is never to be had again."""

    id: str
    client: str
    scopes: tuple[str, ...]
    secret: str = field(repr=False)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create(session: AsyncSession, *, client: str, scopes: tuple[str, ...]) -> NewKey:
    """Make a key for the client and store its hash."""
    public, secret = secrets.token_hex(8), secrets.token_hex(32)
    session.add(ApiKey(id=public, client=client, scopes=list(scopes), secret_hash=_hash(secret)))
    return NewKey(id=public, client=client, scopes=scopes, secret=f"{PREFIX}_{public}_{secret}")


async def find_caller(session: AsyncSession, key: str) -> Caller | None:
    """Give the client that the key belongs to, or None when it is unknown, wrong or revoked."""
    prefix, _, rest = key.partition("_")
    public, _, secret = rest.partition("_")
    if prefix != PREFIX or not public.isalnum() or not public.isascii():
        return None
    row = await session.get(ApiKey, public)
    if row is None or row.revoked_at is not None:
        return None
    if not hmac.compare_digest(row.secret_hash, _hash(secret)):
        return None
    return Caller(row.client, frozenset(row.scopes))

"""Sessions of the console: opened by a sign-in, found by a cookie that changes now and then, ended by hand or time."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from uuid import UUID

from uuid_utils.compat import uuid7

from app.auth.person import Person
from app.auth.scopes import Role
from app.db import purging
from app.db.engine import Database, Record

# A cookie is replaced after so long; the one before it is accepted for as long as a request may take.
ROTATED_AFTER = timedelta(minutes=10)
OVERLAP = timedelta(minutes=1)

# How often it is written that a session is in use.
SEEN_AFTER = timedelta(minutes=1)

KEPT_AFTER_END = timedelta(days=30)

_INSERT = """
INSERT INTO console_sessions (id, secret_hash, form_key, subject, name, role, is_link, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::interval)
"""

_FIND = """
SELECT *, secret_hash = $1 AS is_current, rotated_at < now() - $3::interval AS is_old,
    last_seen_at < now() - $4::interval AS is_unseen, rotated_at > now() - $5::interval AS is_just_rotated
FROM console_sessions
WHERE (secret_hash = $1 OR previous_hash = $1) AND NOT is_link AND revoked_at IS NULL AND expires_at > now()
    AND last_seen_at > now() - $2::interval
"""

_ROTATE = """
UPDATE console_sessions
SET secret_hash = $3, previous_hash = $2, is_confirmed = false, rotated_at = now(), last_seen_at = now()
WHERE id = $1 AND {condition} AND revoked_at IS NULL
RETURNING id
"""

# Of several requests at once one brings the next cookie.
_FROM_CURRENT = _ROTATE.format(condition="secret_hash = $2")
_FROM_EARLIER = _ROTATE.format(
    condition="previous_hash = $2 AND NOT is_confirmed AND rotated_at < now() - $4::interval"
)

_CONFIRM = "UPDATE console_sessions SET last_seen_at = now(), is_confirmed = true WHERE id = $1 AND secret_hash = $2"

# A link's own secret is worth nothing afterwards.
_USE_LINK = """
UPDATE console_sessions
SET secret_hash = $2, is_link = false, rotated_at = now(), last_seen_at = now(), expires_at = now() + $3::interval
WHERE secret_hash = $1 AND is_link AND revoked_at IS NULL AND expires_at > now()
RETURNING id
"""

_PURGE = """
DELETE FROM console_sessions
WHERE id IN (
    SELECT id FROM console_sessions WHERE expires_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is valid now. `new_secret` is set when the browser is to get another cookie."""

    id: UUID
    person: Person
    form_key: bytes = field(repr=False)
    new_secret: str | None = field(default=None, repr=False)

    def form_token(self, path: str, key: str = "") -> str:
        """Return what proves that a form was made for this session, to be sent to this path under this key."""
        return hmac.digest(self.form_key, f"{path}\n{key}".encode(), hashlib.sha256).hex()

    def is_form_token(self, token: str, path: str, key: str = "") -> bool:
        return hmac.compare_digest(token.encode(), self.form_token(path, key).encode())


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def open_session(database: Database, person: Person, *, lifetime: timedelta, is_link: bool = False) -> str:
    """Open a session, or prepare one for a link; return its secret, which is stored nowhere."""
    secret = secrets.token_urlsafe(32)
    values = (uuid7(), _hash(secret), secrets.token_bytes(32), person.subject, person.name, person.role)
    await database.execute(_INSERT, *values, is_link, lifetime)
    return secret


async def use_link(database: Database, link: str, *, lifetime: timedelta) -> str | None:
    """Turn a link into a session, once; return the session's secret, or None if the link is used or over."""
    secret = secrets.token_urlsafe(32)
    used = await database.fetchval(_USE_LINK, _hash(link), _hash(secret), lifetime)
    return secret if used is not None else None


async def find(database: Database, secret: str, *, idle_after: timedelta) -> Session | None:
    """Return the session of a cookie, if it is valid.

    A cookie that was replaced longer ago than a request may take is somebody else's copy: its session ends. Unless the
    new one was never shown: then the browser did not get it, and is given another.
    """
    digest = _hash(secret)
    row = await database.fetchrow(_FIND, digest, idle_after, ROTATED_AFTER, SEEN_AFTER, OVERLAP)
    if row is None:
        return None
    if not row["is_current"]:
        return await _of_earlier_cookie(database, row, digest)
    if row["is_old"]:
        return await _rotate(database, row, _FROM_CURRENT, digest)
    if row["is_unseen"] or not row["is_confirmed"]:
        await database.execute(_CONFIRM, row["id"], digest)
    return _session_of(row)


async def _of_earlier_cookie(database: Database, row: Record, digest: bytes) -> Session | None:
    if row["is_just_rotated"]:
        return _session_of(row)
    if not row["is_confirmed"]:
        return await _rotate(database, row, _FROM_EARLIER, digest, OVERLAP)
    await revoke(database, row["id"])
    return None


async def _rotate(database: Database, row: Record, statement: str, digest: bytes, *more: object) -> Session:
    secret = secrets.token_urlsafe(32)
    is_mine = await database.fetchval(statement, row["id"], digest, _hash(secret), *more) is not None
    return _session_of(row, new_secret=secret if is_mine else None)  # else another request has just done it


def _session_of(row: Record, *, new_secret: str | None = None) -> Session:
    person = Person(row["subject"], row["name"], cast("Role", row["role"]))
    return Session(row["id"], person, row["form_key"], new_secret)


async def revoke(database: Database, session_id: UUID) -> None:
    """End a session now."""
    await database.execute(
        "UPDATE console_sessions SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", session_id
    )


async def revoke_all_of(database: Database, name: str) -> int:
    """End all sessions of a person, by name or by what the provider knows them by; return how many there were."""
    ended = await database.execute(
        "UPDATE console_sessions SET revoked_at = now()"
        " WHERE (name = $1 OR subject = $1) AND revoked_at IS NULL AND expires_at > now()",
        name,
    )
    return int(ended.rpartition(" ")[2])


async def purge(database: Database) -> int:
    """Delete the sessions that ended long ago; return how many."""
    return await purging.purge(database, _PURGE, KEPT_AFTER_END)

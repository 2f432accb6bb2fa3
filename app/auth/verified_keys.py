"""Keys that were proved a moment ago: a request with one reads nothing in the database."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from cachetools import TTLCache

from app.auth import api_keys
from app.auth.api_keys import Caller
from app.db.engine import Database
from app.db.errors import DatabaseUnavailable

log = structlog.get_logger()

# A revoked key may work for so long after, in a process that had proved it before. SECURITY.md promises it.
REMEMBERED_FOR = timedelta(seconds=30)

# Far more keys than there are services; about 1 MB.
MAX_KEYS = 2_000

# How often the last use of a key is written, by all processes together.
USES_WRITTEN_EVERY = timedelta(minutes=1)

# What a process that stops spends on it.
WRITING_TAKES = timedelta(seconds=2)

# What another process writes just now is left to it.
_WRITE = """
UPDATE api_keys SET last_used_at = now()
WHERE id IN (
    SELECT id FROM api_keys
    WHERE id = ANY ($1) AND (last_used_at IS NULL OR last_used_at < now() - $2::interval)
    FOR UPDATE SKIP LOCKED
)
"""


class VerifiedKeys:
    """Finds callers by their API keys, and remembers them for a while: by a hash, not by the key itself."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._callers: TTLCache[bytes, Caller] = TTLCache(MAX_KEYS, REMEMBERED_FOR.total_seconds(), timer=clock)
        self._used: set[str] = set()
        self._proving: dict[bytes, asyncio.Task[Caller | None]] = {}

    def remembered(self, key: str) -> Caller | None:
        """Return the caller if its key was proved in the last 30 seconds and has not expired since."""
        caller: Caller | None = self._callers.get(_digest(key))
        if caller is None or (caller.expires_at is not None and caller.expires_at <= datetime.now(UTC)):
            return None
        self._used.add(caller.key_id)
        return caller

    async def prove(self, key: str) -> Caller | None:
        """Look the key up and check its secret; return its caller, or None when it is not valid.

        Many requests at once with one key that was not proved yet cost one look-up.
        """
        digest = _digest(key)
        proving = self._proving.get(digest)
        if proving is None:
            proving = self._proving[digest] = asyncio.create_task(self._prove(key, digest))
            proving.add_done_callback(lambda _: self._proving.pop(digest))
        return await asyncio.shield(proving)

    async def _prove(self, key: str, digest: bytes) -> Caller | None:
        caller = await api_keys.find_caller(self._database, key)
        if caller is not None:
            self._callers[digest] = caller
            self._used.add(caller.key_id)
        return caller

    async def write_last_uses(self) -> None:
        """Write which keys were used, none twice in a minute. A failure is tried again with the next ones."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            async with asyncio.timeout(WRITING_TAKES.total_seconds()):
                await self._database.execute(_WRITE, list(used), USES_WRITTEN_EVERY)
        except (DatabaseUnavailable, TimeoutError) as error:
            self._used |= used
            log.warning("api_keys.last_uses_not_written", kind=type(error).__name__)

    async def write_last_uses_forever(self) -> None:
        while True:
            await asyncio.sleep(USES_WRITTEN_EVERY.total_seconds())
            await self.write_last_uses()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()

"""The service's clock in development: it follows the sandbox's, so that what takes a day is seen at once.

The service takes its time from PostgreSQL. In development's own database `now()` is a function that adds how far the
sandbox's clock was moved. Signatures and tokens keep the wall's time: they are made and checked without the database.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING

from app.dev.children import get

if TYPE_CHECKING:
    from app.dev.postgres import EmbeddedPostgres

CHECK_SECONDS = 1.0

# PostgreSQL's own functions come last, so that these two are found before them; new tables go to the first schema.
_SET_UP = """
CREATE SCHEMA IF NOT EXISTS development;
CREATE TABLE IF NOT EXISTS development.clock (ahead interval NOT NULL);
INSERT INTO development.clock SELECT '0' WHERE NOT EXISTS (SELECT FROM development.clock);
CREATE OR REPLACE FUNCTION development.now() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN pg_catalog.now() + (SELECT ahead FROM development.clock);
CREATE OR REPLACE FUNCTION development.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    RETURN pg_catalog.clock_timestamp() + (SELECT ahead FROM development.clock);
ALTER DATABASE {database} SET search_path = public, development, pg_catalog;
"""

# Never back, as the sandbox's own: what the service has written would lie in its future.
_MOVE = "UPDATE development.clock SET ahead = greatest(ahead, make_interval(secs => {seconds:.0f}));\n"


def set_up(postgres: EmbeddedPostgres, database: str) -> None:
    """Let a database have a clock that can be moved; it stays where it was."""
    postgres.execute(database, _SET_UP.format(database=database))


class Follower:
    """Moves the database's clock to where the sandbox's is."""

    def __init__(self, postgres: EmbeddedPostgres, database: str, *, sandbox_port: int) -> None:
        self._postgres = postgres
        self._database = database
        self._port = sandbox_port
        self._followed = 0.0
        self._next_check = 0.0

    def follow(self) -> bool:
        """Look at the sandbox's clock, once a second at most; return whether the database's was moved."""
        if time.monotonic() < self._next_check:
            return False
        self._next_check = time.monotonic() + CHECK_SECONDS
        status, body = get(self._port, "/_sandbox/clock")
        offset = float(json.loads(body)["offset"]) if status == http.client.OK else 0.0
        if offset <= self._followed:
            return False
        self._postgres.execute(self._database, _MOVE.format(seconds=offset))
        self._followed = offset
        return True

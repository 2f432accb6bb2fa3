"""The release before goes on reading and writing beside each migration, or the migration says to stop it.

Only shapes are compared. A migration that changes what rows mean has to be found by whoever writes it.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from app.db import migrations
from app.dev.drift import shape
from app.dev.postgres import temporary_postgres

STOP = "Stop the processes of the"
OPERATE = Path(__file__).parents[2] / "docs" / "operate.md"


def scripts() -> list[Script]:
    """Return all migrations, the oldest first."""
    return list(ScriptDirectory.from_config(Config(migrations.INI)).walk_revisions())[::-1]


def needing_a_stop() -> set[str]:
    return {script.revision for script in scripts() if STOP in (script.module.__doc__ or "")}


def what_breaks(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return what the release before uses and does not find as it was, and what is newly demanded of its rows."""
    tables = {line.partition(":")[0] for line in before}
    lost = [line for line in before if ": column " in line and line not in after]
    added = [line for line in after if line not in before and line.partition(":")[0] in tables]
    new = {line.split()[2] for line in added if ": column " in line}
    return lost + [line for line in added if _is_demand(line) and not _is_about(line, new)]


def _is_about(line: str, columns: set[str]) -> bool:
    """Whether an index is of columns alone that the release before does not write."""
    indexed = re.search(r"USING btree \(([\w, ]+)\)", line)
    return indexed is not None and set(indexed[1].split(", ")) <= columns


def _is_demand(line: str) -> bool:
    if ": column " in line:
        return " NOT NULL" in line and " DEFAULT " not in line and " IDENTITY" not in line
    return ": constraint " in line or "CREATE UNIQUE INDEX" in line


async def test_a_migration_that_breaks_the_release_before_says_to_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, before = {}, list[str]()
    with temporary_postgres() as server:
        server.create_database("releases")
        monkeypatch.setenv("DATABASE_URL", server.url("releases"))
        for script in scripts():
            await asyncio.to_thread(command.upgrade, Config(migrations.INI), script.revision)
            after = await shape(server.url("releases"), is_from_models=False)
            if breaks := what_breaks(before, after):
                broken[script.revision] = breaks
            before = after
    assert "payment_intents: column opening jsonb NOT NULL" in broken["0006"], "a renamed column is found"
    assert not {revision: breaks for revision, breaks in broken.items() if revision not in needing_a_stop()}


def test_the_operator_is_told_of_each_migration_that_needs_a_stop() -> None:
    assert needing_a_stop() == {"0002", "0006", "0007", "0019"}
    told = OPERATE.read_text()
    assert [revision for revision in sorted(needing_a_stop()) if f"`{revision}`" not in told] == []


@pytest.mark.parametrize(
    ("added", "is_demand"),
    [
        ("carts: column note text", False),
        ("carts: column note text NOT NULL", True),
        ("carts: column note text NOT NULL DEFAULT ''::text", False),
        ("carts: constraint ck_carts_note CHECK (note <> '')", True),
        ("carts: CREATE UNIQUE INDEX uq_carts_note ON public.carts USING btree (note)", True),
        ("carts: CREATE INDEX ix_carts_note ON public.carts USING btree (note)", False),
        ("others: column id bigint NOT NULL", False),
    ],
    ids=["column", "mandatory", "with a default", "check", "unique", "index", "new table"],
)
def test_what_rows_of_the_release_before_lack_is_found(added: str, is_demand: bool) -> None:
    before = ["carts: column id bigint NOT NULL"]
    assert what_breaks(before, [*before, added]) == [added] * is_demand

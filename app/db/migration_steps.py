"""Steps that migrations share. Each can be interrupted and run again.

A migration is one transaction until its first step outside of one; from there on what is done is done, while the
version says that nothing is. So what comes before such a step asks whether it was done already.
"""

import sqlalchemy as sa
from alembic import op

# CREATE INDEX CONCURRENTLY waits for every transaction that is older, and holds up nobody meanwhile.
OLD_TRANSACTIONS_SECONDS = 300


def has_column(table: str, column: str) -> bool:
    """Whether the table has it already: so has an interrupted run got so far."""
    found = op.get_bind().execute(
        sa.text(
            "SELECT count(*) FROM pg_attribute"
            " WHERE attrelid = to_regclass(:table) AND attname = :column AND NOT attisdropped"
        ),
        {"table": table, "column": column},
    )
    return bool(found.scalar_one())


def create_index_concurrently(name: str, definition: str, *, is_unique: bool = False) -> None:
    """Create an index outside of a transaction, or again if an interrupted run left one that is not valid.

    `definition` is what follows `CREATE INDEX <name> ON`.
    """
    is_valid = (
        op.get_bind()
        .execute(sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name})
        .scalar_one_or_none()
    )
    if is_valid:
        return
    op.execute(f"SET lock_timeout = '{OLD_TRANSACTIONS_SECONDS}s'")
    if is_valid is not None:
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
    kind = "UNIQUE INDEX" if is_unique else "INDEX"
    op.execute(f"CREATE {kind} CONCURRENTLY {name} ON {definition}")
    op.execute("RESET lock_timeout")


def drop_index_concurrently(name: str) -> None:
    """Drop an index outside of a transaction, if it is there."""
    op.execute(f"SET lock_timeout = '{OLD_TRANSACTIONS_SECONDS}s'")
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute("RESET lock_timeout")

"""Read and write the one account."""

from app.db.engine import Database
from app.stripe_account.account import Account

_READ = "SELECT account_id, mode FROM stripe_account"
_REMEMBER = "INSERT INTO stripe_account (account_id, mode) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_REPLACE = """
INSERT INTO stripe_account (account_id, mode) VALUES ($1, $2)
ON CONFLICT (is_only) DO UPDATE SET account_id = excluded.account_id, mode = excluded.mode, accepted_at = now()
"""


async def read(database: Database) -> Account | None:
    found = await database.fetchrow(_READ)
    return Account(found["account_id"], found["mode"]) if found else None


async def remember(database: Database, account: Account) -> Account:
    """Store the account unless there is one already; return the one that is stored then."""
    await database.execute(_REMEMBER, account.id, account.mode)
    return await read(database) or account


async def replace(database: Database, account: Account) -> None:
    await database.execute(_REPLACE, account.id, account.mode)

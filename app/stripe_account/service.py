"""Remember which Stripe account is used: another one has none of the PaymentIntents that the rows here name.

Only in the remembered account a missing PaymentIntent is gone. In another it is merely not seen, and a second one must
not be opened beside it.
"""

import asyncio

import asyncpg
import structlog

from app.errors import Unavailable
from app.resources import Resources, open_resources
from app.settings import Settings
from app.stripe_account import repository
from app.stripe_account.account import Account
from app.stripe_account.errors import AnotherAccount
from app.stripe_gateway.errors import StripeMisconfigured

log = structlog.get_logger()

# A start does not wait longer for a database or a Stripe that does not answer.
START_SECONDS = 5.0


async def check(resources: Resources) -> Account:
    """Compare the key's account with the remembered one; remember the first. Raises AnotherAccount or Unavailable."""
    key_of = await _account_of_key(resources)
    remembered = await repository.remember(resources.database, key_of)
    if remembered != key_of:
        raise AnotherAccount(key_of=key_of, remembered=remembered)
    return key_of


async def is_remembered(resources: Resources) -> bool:
    """Whether the key is certainly of the remembered account."""
    try:
        remembered = await repository.read(resources.database)
        return remembered is not None and remembered == await _account_of_key(resources)
    except Unavailable:
        return False


async def why_refused(settings: Settings) -> AnotherAccount | None:
    """Return why this process must not start. A database or a Stripe that does not answer is no reason."""
    try:
        async with asyncio.timeout(START_SECONDS), open_resources(settings) as resources:
            await check(resources)
    except AnotherAccount as error:
        return error
    except (Unavailable, TimeoutError, asyncpg.PostgresError) as error:
        log.warning("stripe_account.not_checked", reason=type(error).__name__)
    return None


async def accept(resources: Resources, account_id: str) -> Account:
    """Take the key's account from now on. Raises StripeMisconfigured when that is another one, or Unavailable."""
    key_of = await _account_of_key(resources)
    if key_of.id != account_id:
        raise StripeMisconfigured(f"STRIPE_SECRET_KEY is of account {key_of}, not of {account_id}.")
    await repository.replace(resources.database, key_of)
    return key_of


async def _account_of_key(resources: Resources) -> Account:
    found = await resources.stripe.retrieve_account()
    return Account(found.id, resources.settings.mode)

"""`python -m app accept-account`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings
    from app.stripe_account.account import Account


def accept_account(
    account_id: Annotated[str, typer.Argument(help="The account of STRIPE_SECRET_KEY: acct_…", metavar="ACCOUNT")],
) -> None:
    """Use another Stripe account from now on: what is open here and missing there is closed when it is looked at."""
    from app.errors import PaymentsError
    from app.settings import Settings

    try:
        account = asyncio.run(_accept(Settings(), account_id))
    except PaymentsError as error:
        typer.echo(error.detail)
        raise typer.Exit(1) from error
    typer.echo(f"The account is {account} from now on. Restart the service's processes.")


async def _accept(settings: Settings, account_id: str) -> Account:
    from app.resources import open_resources
    from app.stripe_account import service

    async with open_resources(settings) as resources:
        return await service.accept(resources, account_id)

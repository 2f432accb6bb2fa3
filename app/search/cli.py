"""`python -m app hash-emails`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.settings import Settings


def hash_emails() -> None:
    """Let a search find the e-mail addresses of payments that were made before EMAIL_SEARCH_KEY was set or changed."""
    from app.errors import PaymentsError
    from app.settings import Settings

    try:
        changed = asyncio.run(_hash(Settings()))
    except PaymentsError as error:
        typer.echo(error.detail)
        raise typer.Exit(1) from error
    typer.echo(f"{changed} payments are found by their e-mail address now.")


async def _hash(settings: Settings) -> int:
    from app.resources import open_resources
    from app.search import email_hashes

    async with open_resources(settings) as resources:
        return await email_hashes.hash_all(resources)

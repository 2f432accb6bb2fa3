"""`python -m app console …`."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from app.auth.scopes import Role

if TYPE_CHECKING:
    from app.settings import Settings

console = typer.Typer(no_args_is_help=True, help="The console that people sign in to.")

LINK_LASTS = timedelta(hours=12)


@console.command()
def link(
    name: Annotated[str, typer.Option(help="Who signs in, as the timeline will name them.")] = "developer",
    role: Annotated[str, typer.Option(help=f"What they may do: {', '.join(get_args(Role))}.")] = "operator",
    url: Annotated[str, typer.Option(help="Where the API is.")] = "http://127.0.0.1:8000",
    is_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Print a link that signs in to the console once, in development."""
    from app.settings import Settings

    known = {str(each): each for each in get_args(Role)}
    if role not in known:
        raise typer.BadParameter(f"no such role: {role}")
    settings = Settings()
    if settings.environment != "development":
        typer.echo("In production people sign in at CONSOLE_ISSUER; there is no link.", err=True)
        raise typer.Exit(1)
    secret = asyncio.run(_make_link(settings, name, known[role]))
    address = f"{url}/console/sign-in/link?token={secret}"
    typer.echo(json.dumps({"url": address}) if is_json else address)


async def _make_link(settings: Settings, name: str, role: Role) -> str:
    from app.auth.person import Person
    from app.console.sessions import open_session
    from app.db.engine import open_database

    async with open_database(settings) as database:
        return await open_session(database, Person(f"link:{name}", name, role), lifetime=LINK_LASTS, is_link=True)


@console.command("sign-out")
def sign_out(name: Annotated[str, typer.Argument(help="The person's name, or the provider's id of them.")]) -> None:
    """End all sessions of a person at once."""
    typer.echo(f"{asyncio.run(_sign_out(name))} session(s) ended.")


async def _sign_out(name: str) -> int:
    from app.console.sessions import revoke_all_of
    from app.db.engine import open_database
    from app.settings import DatabaseSettings

    async with open_database(DatabaseSettings()) as database:
        return await revoke_all_of(database, name)

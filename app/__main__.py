"""The commands: `python -m app …`."""

import asyncio
import json
from typing import Annotated, get_args

import typer
import uvicorn
from rich.console import Console

from app import logs, migrate, openapi, worker
from app.auth import api_keys
from app.auth.api_keys import Scope
from app.database import create_engine, create_sessions
from app.main import create_app
from app.payment_intents import sweep
from app.payment_intents.models import PaymentIntent
from app.resources import open_resources
from app.settings import DatabaseSettings, Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
keys = typer.Typer(no_args_is_help=True, help="The API keys of backend services.")
app.add_typer(keys, name="keys")
console = Console()


@app.callback()
def _main() -> None:
    """Exactly one Stripe PaymentIntent for each cart or customer session."""


def _settings() -> Settings:
    return Settings()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
) -> None:
    """Serve the API."""
    settings = _settings()
    logs.configure(is_json=settings.environment == "production", level=settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=30,
    )


@app.command("worker")
def work() -> None:
    """Do the jobs: converge, sweep, reconcile."""
    settings = _settings()
    logs.configure(is_json=settings.environment == "production", level=settings.log_level)
    asyncio.run(worker.run(settings))


@app.command("sweep")
def sweep_(
    is_dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what it would cancel.")] = False,
) -> None:
    """Do now what the worker does each minute: finish what was left behind, cancel what was abandoned."""
    settings = _settings()
    for row in asyncio.run(_sweep(settings, is_dry_run=is_dry_run)):
        console.print(f"{row.reference_kind} {row.reference_id}: {row.stripe_id}, idle since {row.touched_at:%F %T %Z}")


async def _sweep(settings: Settings, *, is_dry_run: bool) -> list[PaymentIntent]:
    async with open_resources(settings) as resources:
        abandoned = await sweep.list_abandoned(resources)
        if not is_dry_run:
            await sweep.sweep(resources)
    return abandoned


@app.command("migrate")
def migrate_() -> None:
    """Bring the database to this version's shape."""
    migrate.upgrade()
    console.print("The database is up to date.")


@app.command("openapi")
def openapi_(
    is_check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when openapi.yaml differs.")] = False,
) -> None:
    """Write openapi.yaml as this code has it."""
    documented = create_app(_documentation_settings())
    if not is_check:
        openapi.FILE.write_text(openapi.render(documented), encoding="utf-8")
    elif not openapi.is_current(documented):
        console.print("openapi.yaml is not what the code says: run `make openapi` and look at the difference.")
        raise typer.Exit(1)


def _documentation_settings() -> Settings:
    """Settings enough to describe the API: nothing is opened with them."""
    return Settings.model_validate(
        {
            "database_url": "postgresql://localhost/none",
            "instance": "documentation",
            "stripe_secret_key": "none",
            "stripe_webhook_secret": "none",
        }
    )


@keys.command("create")
def create_key(
    client: Annotated[str, typer.Argument(help="The name of the service that will use it.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do: {', '.join(get_args(Scope))}.")],
    is_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Make an API key; it is shown once."""
    if unknown := set(scope) - set(get_args(Scope)):
        raise typer.BadParameter(f"no such scope: {', '.join(sorted(unknown))}")
    made = asyncio.run(_create_key(client, tuple(scope)))
    if is_json:
        typer.echo(json.dumps({"id": made.id, "client": made.client, "scopes": made.scopes, "key": made.secret}))
    else:
        console.print(f"The key of {made.client}, shown only now:")
        typer.echo(made.secret)


async def _create_key(client: str, scopes: tuple[str, ...]) -> api_keys.NewKey:
    engine = create_engine(DatabaseSettings())
    async with create_sessions(engine).begin() as session:
        made = api_keys.create(session, client=client, scopes=scopes)
    await engine.dispose()
    return made


def _add_development_commands() -> None:
    """Add `dev`, where its parts are installed: production's image does not carry them."""
    try:
        from app.dev.command import dev  # noqa: PLC0415 - see above
    except ModuleNotFoundError:
        return
    app.command("dev")(dev)


_add_development_commands()

if __name__ == "__main__":
    app()

"""The commands: `python -m app …`.

Each command imports what it needs when it runs: all of the service takes a second to load, and its help must not.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from app.auth.cli import keys
from app.console.cli import console
from app.doctor.cli import doctor
from app.notifications import cli as notifications
from app.reconcile import cli as reconcile
from app.search.cli import hash_emails
from app.stripe_account.cli import accept_account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.payment_intents.protocol.state import PaymentIntentState
    from app.settings import Settings


class Commands(TyperGroup):
    """Ends every command with one line for what is wrong around it: each setting, or the database."""

    def invoke(self, ctx: Any) -> Any:  # Typer keeps the type of it to itself
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, TyperException):
            raise
        except Exception as error:
            lines = _explain(error)
            if not lines:
                raise
        for line in lines:
            typer.echo(line, err=True)
        raise typer.Exit(1)


def _explain(error: Exception) -> list[str]:
    """Return what a person can do something about; nothing for a fault of ours."""
    from pydantic import ValidationError

    from app.db.errors import DatabaseUnavailable
    from app.doctor import production_checks
    from app.settings import DatabaseSettings, Settings

    if isinstance(error, ValidationError) and error.title in {DatabaseSettings.__name__, Settings.__name__}:
        return [str(finding) for finding in production_checks.explain(error)]
    return [error.detail] if isinstance(error, DatabaseUnavailable) else []


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(keys, name="keys")
app.add_typer(console, name="console")
app.command("doctor")(doctor)
app.add_typer(reconcile.events, name="events")
reconcile.events.command("tail")(notifications.tail)
app.command("listen")(notifications.listen)
app.command("sync")(reconcile.sync)
app.command("accept-account")(accept_account)
app.command("hash-emails")(hash_emails)


@app.callback()
def _main() -> None:
    """Exactly one Stripe PaymentIntent for each cart or customer session."""


def _start(host: str | None = None) -> Settings:
    """Read the settings, refuse unsafe ones with a line for each, and begin to log.

    A database that is not there yet is no reason; one that is reached in a way that can't work is. Nor is a Stripe that
    does not answer; a key of another account is.
    """
    from app.db.connect import check_sessions
    from app.doctor import production_checks
    from app.observability.logging import configure_logging
    from app.stripe_account.service import why_refused

    settings, findings = production_checks.read_settings(host=host)
    if settings is None or findings:
        _refuse(findings)
    configure_logging(is_json=settings.environment == "production", level=settings.log_level, secrets=settings.secrets)
    if (reason := asyncio.run(check_sessions(settings))) is not None:
        _refuse([reason])
    if (another := asyncio.run(why_refused(settings))) is not None:
        _refuse([another])
    return settings


def _refuse(findings: Sequence[object]) -> NoReturn:
    for finding in findings:
        typer.echo(f"Refused to start: {finding}", err=True)
    raise typer.Exit(1)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
) -> None:
    """Serve the API."""
    import gc
    from contextlib import suppress

    gc.disable()  # nothing of what is loaded now is garbage: looking for it takes 7 % of the start
    import uvicorn

    from app.http.server import server_config
    from app.main import create_app
    from app.observability import metrics

    settings = _start(host)
    api = create_app(settings)
    metrics.serve(host, settings.metrics_port)
    # What is loaded by now stays. Looking through it for garbage would stop all requests for a tenth of a second.
    gc.collect()
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(server_config(api, settings, host=host, port=port))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(3)  # as uvicorn's own command line does; the log says why


@app.command("worker")
def work() -> None:
    """Do the jobs: converge, sweep, reconcile."""
    from app import worker

    settings = _start()
    asyncio.run(worker.run(settings))


@app.command("sweep")
def sweep_(
    is_dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what it would cancel.")] = False,
) -> None:
    """Do now what the worker does each minute: finish what was left behind, cancel what was abandoned."""
    settings = _start()
    for row in asyncio.run(_sweep(settings, is_dry_run=is_dry_run)):
        typer.echo(
            f"{row.reference.kind} {row.reference.id}: {row.stripe_id}, idle since {row.last_activity_at:%F %T %Z}"
        )


async def _sweep(settings: Settings, *, is_dry_run: bool) -> list[PaymentIntentState]:
    from app.payment_intents import recovery
    from app.resources import open_resources

    async with open_resources(settings) as resources:
        abandoned = await recovery.list_abandoned(resources)
        if not is_dry_run:
            await recovery.sweep(resources)
    return abandoned


@app.command("migrate")
def migrate_() -> None:
    """Bring the database to this version's shape."""
    from app.db import migrations
    from app.db.errors import DatabaseUnavailable, MigrationUnderWay, SessionsNotKept
    from app.doctor import production_checks
    from app.observability.redaction import redact

    findings = production_checks.check_database_settings()
    if findings:
        _refuse(findings)
    try:
        migrations.upgrade()
        asyncio.run(_take_over_feed())
    except (DatabaseUnavailable, MigrationUnderWay) as error:
        reason = error.detail if isinstance(error, SessionsNotKept) else str(error.__cause__ or error.detail)
        typer.echo(f"Not migrated: {redact(reason)}", err=True)
        raise typer.Exit(1) from None
    typer.echo("The database is up to date.")


async def _take_over_feed() -> None:
    """Let the feed of events go on in a database that was restored on another server."""
    from app.db.engine import open_database
    from app.domain_events.installation import renumber_if_restored
    from app.settings import DatabaseSettings

    async with open_database(DatabaseSettings(), is_direct=True) as database:
        await renumber_if_restored(database)


@app.command("openapi")
def openapi_(
    is_check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when openapi.yaml differs.")] = False,
) -> None:
    """Write openapi.yaml as this code has it."""
    from app.http import openapi
    from app.main import create_app

    documented = create_app(_documentation_settings())
    if not is_check:
        openapi.FILE.write_text(openapi.render(documented), encoding="utf-8")
    elif not openapi.is_current(documented):
        typer.echo("openapi.yaml is not what the code says: run `make openapi` and look at the difference.")
        raise typer.Exit(1)


def _documentation_settings() -> Settings:
    """Settings enough to describe the API: nothing is opened with them."""
    from app.settings import Settings

    return Settings.model_validate(
        {
            "database_url": "postgresql://localhost/none",
            "instance": "documentation",
            "stripe_secret_key": "none",
            "stripe_webhook_secret": "none",
        }
    )


def _add_development_commands() -> None:
    """Add `dev`, where its parts are installed: production's image does not carry them."""
    try:
        from app.dev.cli import dev
    except ModuleNotFoundError:
        return
    app.command("dev")(dev)


_add_development_commands()

if __name__ == "__main__":
    app()

"""`python -m app dev`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.dev.configuration import DevOptions
    from app.dev.launcher import DevJson, Programs


def dev(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(min=1, max=65535, help="The Stripe sandbox's port.")] = 12111,
    shop_port: Annotated[int, typer.Option(min=1, max=65535, help="The example shop's port.")] = 8080,
    data_dir: Annotated[Path, typer.Option(help="Keeps the database, the keys and the logs.")] = Path(".data"),
) -> None:
    """Start PostgreSQL, the Stripe sandbox, the API, its worker and the example shop.

    DATABASE_URL, STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET and STRIPE_PUBLISHABLE_KEY, in the environment
    or in .env, replace the part that they name.
    """
    from app.dev.configuration import DevOptions

    run(DevOptions(port, sandbox_port, shop_port, data_dir))


def run(options: DevOptions, programs: Programs | None = None) -> None:
    from app.dev.errors import DevError
    from app.dev.launcher import launch

    _print(f"Starting; the logs are in {options.data_dir}/logs/.")
    try:
        launch(options, _print_summary, programs)
    except DevError as error:
        _print(str(error), style="red", to_stderr=True)
        raise typer.Exit(1) from None
    _print("Stopped.")


def _print_summary(ready: DevJson, warnings: list[str]) -> None:
    stripe = f"{ready.sandbox_url} (sandbox)" if ready.sandbox_url else "the real one, with your test key"
    _print("")
    _print(f"  Shop       {ready.shop_url}", style="bold")
    _print(f"  API        {ready.api_url}/docs")
    _print(f"  Console    {ready.console_link}")
    _print(f"  Stripe     {stripe}")
    _print(f"  API key    {ready.api_key}")
    _print("")
    for warning in warnings:
        _print(warning, style="yellow")
    _print(
        "Ctrl-C stops all of it. Addresses and secrets are in dev.env, for a shell, and in dev.json, beside the logs."
    )


def _print(text: str, style: str | None = None, *, to_stderr: bool = False) -> None:
    """Print the text unchanged: without wrapping, so that a key can be copied, and without markup."""
    from rich.console import Console

    Console(stderr=to_stderr).print(text, style=style, markup=False, highlight=False, soft_wrap=True)

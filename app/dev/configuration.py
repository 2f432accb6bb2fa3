"""The child processes' configuration: from the environment or `.env`, or else generated once and saved."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, NamedTuple

from dotenv import dotenv_values

from app.dev.errors import DevError
from app.dev.ports import HOST
from app.dev.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path

OVERRIDES = ("DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PUBLISHABLE_KEY")
DEV_ENV = "dev.env"
MADE_UP = "DEV_MADE_UP"  # in that file: which of its values nobody chose
REAL_STRIPE_JS = "https://js.stripe.com/v3/"
STAFF_PASSWORD = "staff"  # noqa: S105 - of an example that listens on this machine alone
LIVE_KEY_PREFIXES = ("sk_live_", "rk_live_")
# What does not work when STRIPE_SECRET_KEY is set and these are not.
CONSEQUENCES = {
    "STRIPE_PUBLISHABLE_KEY": "the shop's page cannot take a card.",
    "STRIPE_WEBHOOK_SECRET": "every webhook from Stripe is rejected (`stripe listen` prints a secret).",
}

# What the sandbox offers, so that a person sees every type in the shop; each shows where currency and customer fit.
SANDBOX_METHODS = (
    *("card", "us_bank_account", "ideal", "klarna", "sepa_debit"),
    *("boleto", "multibanco", "customer_balance"),
)

Environment = dict[str, str]


class DevOptions(NamedTuple):
    """The ports and the data folder, from the command's options."""

    port: int
    sandbox_port: int
    shop_port: int
    data_dir: Path

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def shop_url(self) -> str:
        return f"http://{HOST}:{self.shop_port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{HOST}:{self.sandbox_port}"


class Configuration(NamedTuple):
    options: DevOptions
    instance: str
    secret_key: str
    publishable_key: str
    webhook_secret: str
    is_real_stripe: bool
    given_database_url: str | None
    made_up: list[str]
    warnings: list[str]

    @property
    def sandbox_url(self) -> str | None:
        return None if self.is_real_stripe else self.options.sandbox_url

    @property
    def secrets(self) -> list[str]:
        """The values that must not be shown."""
        known = [self.secret_key, self.webhook_secret, self.given_database_url]
        return [secret for secret in known if secret]

    def for_sandbox(self) -> Environment:
        return _inherited() | {
            "SANDBOX_CONFIG": os.environ.get("SANDBOX_CONFIG") or json.dumps({"enabled_methods": SANDBOX_METHODS}),
            "SANDBOX_SECRET_KEY": self.secret_key,
            "SANDBOX_PUBLISHABLE_KEY": self.publishable_key,
            "SANDBOX_WEBHOOK_URL": f"{self.options.api_url}/v1/stripe/webhook",
            "SANDBOX_WEBHOOK_SECRET": self.webhook_secret.partition(",")[0],  # the API may accept several
        }

    def settings(self, database_url: str) -> Environment:
        """Return the service's own settings, as its commands need them."""
        stripe = {"STRIPE_API_BASE": self.sandbox_url} if self.sandbox_url else {}
        return stripe | {
            "DATABASE_URL": database_url,
            "STRIPE_SECRET_KEY": self.secret_key,
            "STRIPE_WEBHOOK_SECRET": self.webhook_secret,
            "INSTANCE": self.instance,
            "EMAIL_SEARCH_KEY": f"{self.instance}-of-a-development-stack-only",
            "NOTIFICATION_KEY": f"{self.instance}-of-a-development-stack-only",
            "CONSOLE_REFUND_LIMITS": "eur:5000:20000,usd:5000:20000,gbp:5000:20000",
            "ENVIRONMENT": "development",
        }

    def for_app(self, database_url: str) -> Environment:
        return _inherited() | self.settings(database_url)

    def for_shop(self, api_key: str, webhook_secret: str) -> Environment:
        return _inherited() | {
            "PAYMENTS_WEBHOOK_SECRET": webhook_secret,
            "PAYMENTS_API_URL": self.options.api_url,
            "PAYMENTS_API_KEY": api_key,
            "STAFF_PASSWORD": STAFF_PASSWORD,
            "STRIPE_PUBLISHABLE_KEY": self.publishable_key,
            "STRIPE_JS_URL": f"{self.sandbox_url}/v3/" if self.sandbox_url else REAL_STRIPE_JS,
        }


def configure(options: DevOptions, dotenv: Path) -> Configuration:
    given = _given(dotenv, options.data_dir / DEV_ENV)
    if given.get("STRIPE_SECRET_KEY", "").startswith(LIVE_KEY_PREFIXES):
        raise DevError("STRIPE_SECRET_KEY is a live key, which moves real money: set a test key.")
    is_real = "STRIPE_SECRET_KEY" in given
    generated = _generated(options.data_dir / "secrets.json")
    return Configuration(
        options=options,
        instance=generated["instance"],
        secret_key=given.get("STRIPE_SECRET_KEY", generated["secret_key"]),
        publishable_key=given.get("STRIPE_PUBLISHABLE_KEY", generated["publishable_key"]),
        webhook_secret=given.get("STRIPE_WEBHOOK_SECRET", generated["webhook_secret"]),
        is_real_stripe=is_real,
        given_database_url=given.get("DATABASE_URL"),
        made_up=sorted(set(OVERRIDES) - given.keys()),
        warnings=[f"{name} is not set: {loss}" for name, loss in CONSEQUENCES.items() if is_real and name not in given],
    )


def _given(dotenv: Path, dev_env: Path) -> Environment:
    """Return what somebody chose, but not what an earlier start made up and this shell has read."""
    written = dotenv_values(dev_env)
    made_up = {name: written.get(name) for name in (written.get(MADE_UP) or "").split(",")}
    chosen = {name: value for name, value in os.environ.items() if value != made_up.get(name)}
    known = (dotenv_values(dotenv) | chosen).items()
    return {name: value for name, value in known if name in OVERRIDES and value}


def _generated(path: Path) -> dict[str, str]:
    """Return the sandbox's keys and the instance's name, generated at the first start and saved."""
    if path.exists():
        try:
            kept: dict[str, str] = json.loads(path.read_text())
        except ValueError:
            raise DevError(f"{path} is damaged: remove it, and new keys are generated.") from None
        return kept
    fresh = {
        "instance": f"dev-{secrets.token_hex(4)}",
        "secret_key": f"sk_test_{secrets.token_hex(16)}",
        "publishable_key": f"pk_test_{secrets.token_hex(16)}",
        "webhook_secret": f"whsec_{secrets.token_hex(16)}",
    }
    write_private(path, json.dumps(fresh))
    return fresh


def _inherited() -> Environment:
    """Return this process's environment without what only one child may get, and with no proxy for this machine."""
    environment = {name: value for name, value in os.environ.items() if name not in {*OVERRIDES, "STRIPE_API_BASE"}}
    direct = ",".join(filter(None, [HOST, os.environ.get("NO_PROXY") or os.environ.get("no_proxy")]))
    return environment | {"PYTHONUNBUFFERED": "1", "NO_PROXY": direct, "no_proxy": direct}

"""The shop's settings, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A variable of the environment is missing or wrong; the message is one line."""


@dataclass(frozen=True)
class Settings:
    payments_api_url: str
    payments_api_key: str = field(repr=False)
    stripe_publishable_key: str
    stripe_js_url: str
    staff_password: str = field(default="", repr=False)
    """If empty, the staff's pages are closed."""
    payments_webhook_secret: str = field(default="", repr=False)
    """Of the notification endpoint that leads here; if empty, no notification is taken."""

    def __post_init__(self) -> None:
        for name in ("payments_api_url", "stripe_js_url"):
            if urlsplit(getattr(self, name)).scheme not in {"http", "https"}:
                raise SettingsError(f"{name.upper()} must be an http:// or https:// address.")
        # Pages contain this key: a secret key set here by mistake would be shown to everybody.
        if not self.stripe_publishable_key.startswith("pk_"):
            raise SettingsError("STRIPE_PUBLISHABLE_KEY must begin with pk_.")


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    names = ("payments_api_url", "payments_api_key", "stripe_publishable_key", "stripe_js_url")
    given = {name: environment.get(name.upper(), "") for name in names}
    if missing := [name.upper() for name, value in given.items() if not value]:
        raise SettingsError(f"{', '.join(missing)} must be set in the environment.")
    return Settings(
        **given,
        staff_password=environment.get("STAFF_PASSWORD", ""),
        payments_webhook_secret=environment.get("PAYMENTS_WEBHOOK_SECRET", ""),
    )

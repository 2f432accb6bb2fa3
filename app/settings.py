"""All input from the environment (or `.env`), typed, read once and frozen."""

import json
import re
import secrets
from datetime import timedelta
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.db.url import DatabaseUrl
from app.payment_intents.protocol.state import ProtocolConfig

Instance = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Origin = Annotated[
    str, StringConstraints(pattern=r"^(\*|https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?)$")
]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
MIN_SECRET = 12
SECONDS = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")


def _read_seconds(value: object) -> object:
    """Read `86400` as seconds, beside ISO 8601 (`PT24H`)."""
    return float(value) if isinstance(value, str) and SECONDS.fullmatch(value) else value


Duration = Annotated[timedelta, BeforeValidator(_read_seconds), Field(gt=timedelta(0), le=timedelta(days=3650))]
Pause = Annotated[timedelta, BeforeValidator(_read_seconds), Field(ge=timedelta(0), le=timedelta(days=1))]
Seconds = Annotated[timedelta, BeforeValidator(_read_seconds), Field(gt=timedelta(0), le=timedelta(hours=1))]
Port = Annotated[int, Field(ge=0, le=65535)]
Bytes = Annotated[int, Field(gt=0, le=16 * 1024 * 1024)]
SigningKey = Annotated[SecretStr, Field(min_length=32)]


class RefundLimit(NamedTuple):
    """What a refunder may refund in a currency, in minor units: at once, and on one day (UTC)."""

    currency: str
    each: int
    a_day: int


LIMIT = re.compile(r"([a-z]{3}):([0-9]{1,12}):([0-9]{1,12})")


def _read_limit(value: object) -> object:
    """Read `eur:5000:50000`."""
    match = LIMIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not <currency>:<each>:<a day>, as eur:5000:50000")
    return RefundLimit(match[1], int(match[2]), int(match[3]))


Limit = Annotated[RefundLimit, BeforeValidator(_read_limit)]


def _one_for_this_process() -> tuple[SecretStr, ...]:
    return (SecretStr(secrets.token_hex(32)),)


class DatabaseSettings(BaseSettings):
    """What a migration needs: the database and nothing of Stripe.

    With `database_direct_url`, the address of PostgreSQL itself, `database_url` may lead to a pooler in transaction
    mode. A statement takes no longer than `database_statement_timeout`, and waits for a lock no longer than
    `database_lock_timeout`.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr
    database_direct_url: SecretStr | None = None
    database_pool_size: Annotated[int, Field(gt=0, le=1000)] = 10
    database_statement_timeout: Seconds = timedelta(seconds=5)
    database_lock_timeout: Seconds = timedelta(seconds=3)

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _check_address(cls, url: SecretStr | None) -> SecretStr | None:
        """Accept `postgres://` and `postgresql://`, and refuse now what a connection can't do later."""
        if url is None:
            return None
        text = url.get_secret_value()
        DatabaseUrl.parse(text)
        return SecretStr(f"postgresql://{text.partition('://')[2]}")

    @cached_property
    def database_secrets(self) -> tuple[str, ...]:
        """Return the passwords of the addresses, as they are and as an address writes them."""
        urls = [url.get_secret_value() for url in (self.database_url, self.database_direct_url) if url is not None]
        passwords = [DatabaseUrl.parse(url).password or "" for url in urls]
        return (*passwords, *(urlsplit(url).password or "" for url in urls))


class Settings(DatabaseSettings):
    """What the API and its worker need.

    Secrets have no default. `stripe_webhook_secret` takes several, comma-separated, while one is
    rolled. `instance` names this installation in the metadata of all that we make at Stripe:
    installations that share a Stripe account must differ in it. `stripe_timeout` is for a whole call with its repeats;
    a call beyond `max_stripe_calls` in this process is not made. A PaymentIntent that no shopper touched for
    `abandoned_after` is cancelled, unless `EXPIRY_ENABLED` is false; Stripe is asked about one whose money is under way
    and that was silent for `silent_after`, with at most `background_calls_per_second` by each worker (Stripe allows
    100 in all, 25 in test mode). An event younger than `reconcile_grace` may still be on its way; one older than
    `webhook_retention` is forgotten. Domain events, which the timeline and the feed consist of, are kept for
    `event_retention`. The API shows its metrics on `metrics_port` (0: nowhere), never beside its operations; the
    worker on `worker_metrics_port`, if there is one.
    `checkout_token_keys` sign the tokens of browsers: the first signs, all are accepted; development makes one up at
    each start. `email_search_key` is for the hash by which a payment is found by its receipt's e-mail address, which is
    not searched without it. People sign in to the console at `console_issuer`, an OpenID provider, and come back to
    `console_url`; the groups in its claim `console_groups_claim` say what they may do. Values of several words are
    comma-separated.
    """

    environment: Literal["development", "production"] = "production"
    instance: Instance

    stripe_secret_key: SecretStr
    stripe_mode: Literal["live", "test"] | None = None
    stripe_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(min_length=1)
    stripe_api_base: str | None = None
    stripe_timeout: Seconds = timedelta(seconds=10)
    max_stripe_calls: Annotated[int, Field(gt=0, le=10_000)] = 500
    background_calls_per_second: Annotated[int, Field(gt=0, le=100)] = 10

    lease_slack: Pause = timedelta(seconds=3)
    converge_deadline: Seconds = timedelta(seconds=20)
    abandoned_after: Duration = timedelta(hours=24)
    is_expiry_enabled: bool = Field(True, validation_alias=AliasChoices("EXPIRY_ENABLED", "is_expiry_enabled"))
    silent_after: Duration = timedelta(hours=1)
    client_secret_lifetime: Annotated[Seconds, Field(le=timedelta(minutes=5))] = timedelta(minutes=5)
    reconcile_grace: Pause = timedelta(minutes=1)
    webhook_retention: Duration = timedelta(days=30)
    event_retention: Duration = timedelta(days=400)
    metrics_port: Port = 9400
    worker_metrics_port: Port | None = None

    checkout_token_keys: Annotated[tuple[SigningKey, ...], NoDecode] = Field(
        default_factory=_one_for_this_process, min_length=1
    )
    email_search_key: SigningKey | None = None
    notification_key: SigningKey | None = None
    notification_allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    notification_timeout: Seconds = timedelta(seconds=10)
    delivery_retention: Duration = timedelta(days=30)
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    serve_docs: bool | None = None
    allow_plain_database: bool = False

    serve_console: bool | None = None
    console_url: HttpUrl | None = None
    console_issuer: HttpUrl | None = None
    console_client_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    console_client_secret: SecretStr | None = None
    console_groups_claim: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "groups"
    console_support_groups: Annotated[tuple[str, ...], NoDecode] = ()
    console_refunder_groups: Annotated[tuple[str, ...], NoDecode] = ()
    console_operator_groups: Annotated[tuple[str, ...], NoDecode] = ()
    console_refund_limits: Annotated[tuple[Limit, ...], NoDecode] = ()
    console_session_lifetime: Duration = timedelta(hours=8)
    console_idle_after: Duration = timedelta(minutes=30)

    max_failed_attempts: Annotated[int, Field(gt=0, le=1000)] = 10
    failed_authentications_per_minute: Annotated[int, Field(gt=0, le=100_000)] = 300
    token_requests_per_second: Annotated[int, Field(gt=0, le=1000)] = 10
    max_header_bytes: Annotated[int, Field(gt=0, le=64 * 1024)] = 16 * 1024
    max_json_depth: Annotated[int, Field(gt=0, le=100)] = 8
    max_body_bytes: Bytes = 64 * 1024
    max_webhook_bytes: Bytes = 1024 * 1024
    max_connections: Annotated[int, Field(gt=0, le=100_000)] = 2000
    max_connections_per_address: Annotated[int, Field(gt=0, le=100_000)] = 1000
    request_head_timeout: Seconds = timedelta(seconds=10)
    request_body_timeout: Seconds = timedelta(seconds=30)
    keep_alive: Seconds = timedelta(seconds=75)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator(
        "stripe_webhook_secret",
        "checkout_token_keys",
        "notification_allowed_networks",
        "cors_origins",
        "trusted_proxies",
        "console_support_groups",
        "console_refunder_groups",
        "console_operator_groups",
        "console_refund_limits",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """Read several values: `a,b`, or a JSON list."""
        if not isinstance(value, str):
            return value
        if value.startswith("["):
            return tuple(json.loads(value))
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.converge_deadline <= self.lease_duration:
            raise ValueError(
                "CONVERGE_DEADLINE must be longer than STRIPE_TIMEOUT plus LEASE_SLACK, "
                "or a waiting request gives up before the lease of a crashed one ends"
            )
        return self

    @property
    def mode(self) -> Literal["live", "test"]:
        """Which of Stripe's two worlds is meant: production is live unless STRIPE_MODE says otherwise."""
        return self.stripe_mode or ("live" if self.environment == "production" else "test")

    @property
    def has_docs(self) -> bool:
        """Whether the page about the API is served: in development, unless SERVE_DOCS says otherwise."""
        return self.environment == "development" if self.serve_docs is None else self.serve_docs

    @property
    def has_console(self) -> bool:
        """Whether the console is served: in development, unless SERVE_CONSOLE says otherwise."""
        return self.environment == "development" if self.serve_console is None else self.serve_console

    @property
    def notification_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks inside that notifications may go to: in development this machine itself."""
        loopback = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
        return (*self.notification_allowed_networks, *(loopback if self.environment == "development" else ()))

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be written anywhere; short ones are left out, they are words of other texts too."""
        several = (self.stripe_secret_key, *self.stripe_webhook_secret, *self.checkout_token_keys)
        others = (self.email_search_key, self.notification_key, self.console_client_secret)
        known = [secret.get_secret_value() for secret in (*several, *others) if secret is not None]
        return tuple(secret for secret in (*known, *self.database_secrets) if len(secret) >= MIN_SECRET)

    @cached_property
    def lease_duration(self) -> timedelta:
        """How long one writer owns a row: a call's time and slack, so no live holder loses it in a call."""
        return self.stripe_timeout + self.lease_slack

    @cached_property
    def protocol(self) -> ProtocolConfig:
        """What these settings mean for the protocol. A request that was given up may live in the network a while."""
        return ProtocolConfig(
            instance=self.instance,
            lease=self.lease_duration,
            send_within=self.lease_slack / 2,
            longest_wait=self.converge_deadline + self.lease_slack,
            longest_request=self.lease_duration + timedelta(seconds=30),
            abandoned_after=self.abandoned_after,
            silent_after=self.silent_after,
            is_expiry_enabled=self.is_expiry_enabled,
            max_failed_attempts=self.max_failed_attempts,
            email_search_key=self.email_search_key.get_secret_value().encode() if self.email_search_key else None,
        )

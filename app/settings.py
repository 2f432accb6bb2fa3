"""All input from the environment (or `.env`), typed, read once and frozen."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, PositiveInt, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Instance = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class DatabaseSettings(BaseSettings):
    """What a migration needs: the database and nothing of Stripe."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    database_url: SecretStr
    database_pool_size: PositiveInt = 10

    @field_validator("database_url")
    @classmethod
    def _speak_asyncpg(cls, url: SecretStr) -> SecretStr:
        """Accept `postgres://` and `postgresql://` as hosting services hand them out."""
        scheme, separator, rest = url.get_secret_value().partition("://")
        if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
            raise ValueError("must be a postgresql:// URL")
        return SecretStr(f"postgresql+asyncpg://{rest}")


class Settings(DatabaseSettings):
    """What the API and its worker need.

    Secrets have no default. `stripe_webhook_secret` takes several, comma-separated, while one is
    rolled. `instance` names this installation in the metadata of all that we make at Stripe:
    installations that share a Stripe account must differ in it. A PaymentIntent that no shopper touched for
    `abandoned_after` is cancelled, unless `EXPIRY_ENABLED` is false; Stripe is asked about one that is open and
    was silent for `silent_after`.
    """

    environment: Literal["development", "production"] = "production"
    instance: Instance

    stripe_secret_key: SecretStr
    stripe_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(min_length=1)
    stripe_api_base: str | None = None
    stripe_timeout: timedelta = timedelta(seconds=6)
    stripe_deadline: timedelta = timedelta(seconds=12)
    stripe_connections: PositiveInt = 500

    lease_slack: timedelta = timedelta(seconds=3)
    converge_deadline: timedelta = timedelta(seconds=20)
    abandoned_after: timedelta = timedelta(hours=24)
    is_expiry_enabled: bool = Field(True, validation_alias=AliasChoices("EXPIRY_ENABLED", "is_expiry_enabled"))
    silent_after: timedelta = timedelta(hours=1)
    client_secret_lifetime: timedelta = timedelta(minutes=5)

    cors_origins: tuple[str, ...] = ()
    max_body_bytes: PositiveInt = 64 * 1024
    max_webhook_bytes: PositiveInt = 1024 * 1024
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("stripe_webhook_secret", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.stripe_timeout > self.stripe_deadline:
            raise ValueError("STRIPE_TIMEOUT (one attempt) must not exceed STRIPE_DEADLINE (all attempts of a call)")
        if self.converge_deadline <= self.lease_duration:
            raise ValueError(
                "CONVERGE_DEADLINE must exceed STRIPE_DEADLINE + LEASE_SLACK: who waits must outlive a dead writer"
            )
        return self

    @cached_property
    def lease_duration(self) -> timedelta:
        """How long one writer owns a row: a call's deadline and slack, so no live holder loses it in a call."""
        return self.stripe_deadline + self.lease_slack

"""The Stripe account that a key belongs to, and its webhook endpoints. `python -m app doctor` checks them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import stripe

from app.stripe_gateway.snapshots import Json

# The version that this service is written for. Events rendered by another version may have other shapes.
API_VERSION = stripe.api_version


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A Stripe account. `answered_at` is Stripe's time when it answered, in whole seconds."""

    id: str
    name: str | None
    answered_at: datetime | None

    @classmethod
    def parse(cls, obj: Json, *, date: str | None) -> "AccountSnapshot":
        profile = obj.get("business_profile") or {}
        answered_at = parsedate_to_datetime(date).astimezone(UTC) if date else None
        return cls(id=str(obj["id"]), name=profile.get("name"), answered_at=answered_at)


@dataclass(frozen=True, slots=True)
class WebhookEndpointSnapshot:
    """An address that Stripe sends events to. Without `api_version`, events have the account's default version."""

    id: str
    url: str
    is_enabled: bool
    api_version: str | None
    enabled_events: frozenset[str]

    @classmethod
    def parse(cls, obj: Json) -> "WebhookEndpointSnapshot":
        return cls(
            id=str(obj["id"]),
            url=str(obj["url"]),
            is_enabled=obj.get("status") == "enabled",
            api_version=obj.get("api_version"),
            enabled_events=frozenset(obj.get("enabled_events") or ()),
        )

"""The bodies of requests and responses about notification endpoints and deliveries."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from app.db.engine import Record
from app.domain_events.service import types_named
from app.http.rules import rule
from app.payment_intents.requests import TEXT, Strict
from app.references.schemas import ReferenceRead

DeliveryState = Literal["pending", "delivered", "set_aside"]
DisabledReason = Literal["requested", "gone", "unreachable"]
MAX_OVERLAP = 7 * 24 * 3600


def _plain(url: str) -> str:
    """Refuse what an address of an endpoint never needs."""
    try:
        parts = urlsplit(url)
        is_plain = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError("must be an address: https://host/path") from error
    if not is_plain or parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must be an address with a host, and without a user, a password and a fragment")
    return url


def _known(patterns: list[str]) -> list[str]:
    types_named(",".join(patterns))
    return patterns


Url = Annotated[
    str,
    StringConstraints(
        max_length=500, pattern=rule(r"^https?://[!-~]+$", "an address that begins with https://, percent-encoded")
    ),
    AfterValidator(_plain),
    Field(description="Where events are posted.", examples=["https://orders.example/hooks/payments"]),
]
Pattern = Annotated[
    str,
    StringConstraints(max_length=60, pattern=rule(r"^[a-z_.*]+$", "a type of events; `refund.*` is a group")),
    Field(examples=["payment.succeeded"]),
]
Types = Annotated[
    list[Pattern],
    Field(
        min_length=1,
        max_length=50,
        description="Which events: types, `refund.*` for a group, `*` for all.",
        examples=[["payment.succeeded", "refund.*"]],
    ),
    AfterValidator(_known),
]
Description = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT)]


class EndpointCreate(Strict):
    """Where to send which events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://orders.example/hooks/payments", "types": ["payment.succeeded", "refund.*"]}]
        }
    )

    url: Url
    types: Types
    description: Description | None = Field(None, examples=["The order service"])


class EndpointUpdate(Strict):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"types": ["*"]}]})

    url: Url | None = None
    types: Types | None = None
    description: Description | None = Field(None, examples=["The order service"])


class SecretRotate(Strict):
    """How long the present secret goes on signing beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86400}]})

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP)] = 86_400


class RecoverRequest(Strict):
    """Which events are to be sent again: all since a time, or those of some types."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-11-26T00:00:00Z"}]})

    since: AwareDatetime = Field(examples=["2026-11-26T00:00:00Z"])
    types: Types | None = None


class EndpointRead(BaseModel):
    """An endpoint. Its secret is shown once, when it is made or rotated."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    url: str
    types: list[str]
    description: str | None
    is_enabled: bool
    disabled_reason: DisabledReason | None = Field(
        description="`gone`: it answered 410. `unreachable`: nothing reached it for three days. `requested`: by PATCH."
    )
    disabled_at: datetime | None
    failing_since: datetime | None = Field(description="Since when nothing has reached it.")
    previous_secret_until: datetime | None = Field(description="Until then the secret before signs too.")
    created_at: datetime

    @classmethod
    def of(cls, record: Record, types: list[str]) -> Self:
        return cls.model_validate(dict(record) | {"types": types})


class EndpointWithSecret(EndpointRead):
    """An endpoint with its secret, which is not shown again."""

    secret: str = Field(description="For the receiver: `whsec_…`, as the libraries of Standard Webhooks take it.")


class EndpointPage(BaseModel):
    """All endpoints, the oldest first."""

    data: list[EndpointRead]


class AttemptOfDelivery(BaseModel):
    """One request, and its answer."""

    at: datetime
    milliseconds: int
    status: int | None = Field(description="Of the answer; null when there was none.")
    error: str | None = Field(description="Why there was no answer: `timeout`, `address_not_allowed` and the like.")
    excerpt: str | None = Field(description="The beginning of the answer, what looks like a secret taken out.")


class DeliveryRead(BaseModel):
    """An event for an endpoint."""

    id: int
    event_id: str
    type: str
    reference: ReferenceRead
    sequence: int
    state: DeliveryState = Field(description="`set_aside`: it failed for three days; the next ones went on.")
    attempts: int
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def fields_of(cls, record: Record) -> dict[str, Any]:
        reference = ReferenceRead(kind=record["reference_kind"], id=record["reference_id"])
        return dict(record) | {"reference": reference}


class DeliveryWithAttempts(DeliveryRead):
    """A delivery with its requests, oldest first."""

    requests: list[AttemptOfDelivery]


class DeliveryPage(BaseModel):
    """Deliveries, newest first."""

    data: list[DeliveryRead]
    next_cursor: str | None


class TestRead(BaseModel):
    """What the endpoint answered to a test event."""

    is_delivered: bool
    status: int | None
    error: str | None
    milliseconds: int
    excerpt: str | None


class RecoverRead(BaseModel):
    """How many events were put into the queue again."""

    queued: int
    continue_since: datetime | None = Field(
        description="When there were too many for one request: ask again with this time; null when all are queued."
    )

"""An event, from a webhook or from the list of those that were not delivered."""

from dataclasses import dataclass, field
from datetime import datetime

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.read import Json


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event of a webhook or of Stripe's list. `object` is the snapshot that it carries, unparsed.

    `object` may hold a client secret: it is read at once and never stored.
    """

    id: str
    type: str
    created: datetime
    object: Json = field(repr=False)
    object_kind: str
    object_id: str | None
    request_id: str | None
    is_live: bool

    @classmethod
    def parse(cls, event: Json) -> "StripeEvent":
        """Read a snapshot event. Raises KeyError, TypeError or ValueError when it is of another shape."""
        if event["object"] != "event":
            raise TypeError("not a snapshot event")
        obj = event["data"]["object"]
        return cls(
            id=read.text(event, "id"),
            type=read.text(event, "type"),
            created=read.time(event["created"]),
            object=obj,
            object_kind=read.text(obj, "object"),
            object_id=read.id_of(obj),
            request_id=read.id_of(event.get("request")),
            is_live=event.get("livemode") is True,
        )

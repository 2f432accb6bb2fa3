"""Why the feed of events does not answer with events."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from app.errors import PaymentsError, Unavailable, ValidationFailed


class UnknownCursor(PaymentsError):
    """The event of this cursor is not here: it is another installation's, or a backup was restored.

    Leave `after` out to begin from the oldest event, and skip those whose `id` you know.
    """

    status, code, title = HTTPStatus.GONE, "cursor_unknown", "Cursor unknown"


class ExpiredCursor(PaymentsError):
    """The event of this cursor is no longer kept, nor are some that followed it.

    Leave `after` out to begin from the oldest event that is kept, and compare your carts with their present state.
    """

    status, code, title = HTTPStatus.GONE, "cursor_expired", "Cursor expired"


class UnknownEventType(ValidationFailed):
    """`types` names a type that does not exist. Write types with commas between them; `refund.*` is all of a group."""

    code, title = "unknown_event_type", "Unknown event type"
    extension_types: ClassVar[Mapping[str, Any]] = {"known_types": list[str]}


class FeedNotMigrated(Unavailable):
    """The database was restored on another server; the feed is closed until `python -m app migrate` has run."""

    code, title = "feed_not_migrated", "Feed not migrated"

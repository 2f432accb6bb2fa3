"""Read what happened to a cart or session, over all its PaymentIntents."""

from uuid import UUID

from app.http.errors import InvalidCursor
from app.http.pagination import Cursor, Page
from app.payment_intents.errors import PaymentIntentNotFound
from app.payment_intents.protocol.events import PaymentAttachedToCart
from app.payment_intents.protocol.terms import Reference
from app.resources import Resources
from app.timeline.schemas import EntryRead, TimelinePage

MAX_ID = 2**63 - 1  # of a domain event

# What a cart got from a session happened under the session's name; that it moved is told once, under the cart's.
_READ = """
SELECT e.*
FROM domain_events AS e
WHERE e.id IN (
    SELECT id FROM domain_events WHERE reference_kind = $1 AND reference_id = $2
    UNION
    SELECT earlier.id
    FROM payment_intents AS p JOIN domain_events AS earlier ON earlier.payment_intent_id = p.id
    WHERE p.reference_kind = $1 AND p.reference_id = $2
        AND (earlier.type <> $3 OR earlier.reference_kind = p.reference_kind)
) AND e.id > $4
ORDER BY e.id
LIMIT $5
"""


async def read(resources: Resources, reference: Reference, page: Page) -> TimelinePage:
    """Return a page of the reference's timeline, oldest first. Raises PaymentIntentNotFound or InvalidCursor."""
    after = page.after.id.int if page.after is not None else 0
    if after > MAX_ID:
        raise InvalidCursor  # another list's, whose ids are UUIDs
    values = (reference.kind, reference.id, PaymentAttachedToCart.type, after, page.limit + 1)
    records = await resources.database.fetch(_READ, *values)
    if not records and page.after is None:
        raise PaymentIntentNotFound
    data, following = records[: page.limit], records[page.limit :]
    return TimelinePage(
        data=[EntryRead.of(record) for record in data],
        next_cursor=Cursor(data[-1]["created_at"], UUID(int=data[-1]["id"])).encode() if following else None,
    )

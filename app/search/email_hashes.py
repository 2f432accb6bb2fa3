"""Hash the e-mail addresses of payments that were written without the present key, so that a search finds them."""

from uuid import UUID

from app.payment_intents.email import email_hash
from app.resources import Resources
from app.search.errors import EmailSearchDisabled

BATCH = 500

# What Stripe holds of a payment, else what was asked of it: as its next change would hash it. Of what Stripe holds,
# earlier releases stored the price alone.
_READ = """
SELECT id, updated_at, email_hash,
    CASE WHEN applied_terms ? 'cart_version' THEN applied_terms ELSE requested_terms END ->> 'receipt_email' AS email
FROM payment_intents
WHERE id > $1
ORDER BY id
LIMIT $2
"""

# A row that was changed meanwhile has its hash from that change.
_WRITE = """
UPDATE payment_intents AS p
SET email_hash = hashed.email_hash
FROM unnest($1::uuid[], $2::timestamptz[], $3::bytea[]) AS hashed (id, updated_at, email_hash)
WHERE p.id = hashed.id AND p.updated_at = hashed.updated_at
"""


async def hash_all(resources: Resources) -> int:
    """Look at every payment, a few at a time; return how many got another hash. Raises EmailSearchDisabled."""
    key = resources.settings.protocol.email_search_key
    if key is None:
        raise EmailSearchDisabled
    changed, last = 0, UUID(int=0)
    while rows := await resources.database.fetch(_READ, last, BATCH):
        last = rows[-1]["id"]
        hashes = [(row, email_hash(row["email"], key)) for row in rows if row["email"] is not None]
        missing = [(row["id"], row["updated_at"], found) for row, found in hashes if row["email_hash"] != found]
        if missing:
            await resources.database.execute(_WRITE, *(list(column) for column in zip(*missing, strict=True)))
        changed += len(missing)
    return changed

"""Send what is due: each queue by one worker at a time, its oldest delivery first, until one fails.

A queue is one cart or session at one endpoint, so a failure holds up that cart at that endpoint alone. Each endpoint
has its own number of requests under way: a slow one takes none of another's.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from app.db.engine import Record
from app.domain_events.schemas import event_of
from app.notifications import repository
from app.notifications.sending import Outcome, Sender
from app.notifications.signing import derive_secret, signed_headers
from app.observability.metrics import DELIVERIES, ENDPOINTS_DISABLED
from app.resources import Resources

log = structlog.get_logger()

PER_ENDPOINT = 8  # queues of it that are worked on at once, by all workers together
MOST_IN_A_ROW = 20  # deliveries of one claim

# After that long an event is set aside, and an endpoint that nothing reached is disabled.
GIVE_UP_AFTER = timedelta(days=3)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=4)
LONGEST_RETRY_AFTER = timedelta(hours=24)

_CLAIM = """
WITH due AS (
    SELECT queue.endpoint_id, queue.reference_kind, queue.reference_id
    FROM notification_endpoints AS endpoint
    CROSS JOIN LATERAL (
        SELECT endpoint_id, reference_kind, reference_id
        FROM notification_queues
        WHERE endpoint_id = endpoint.id AND due_at <= now() AND (claimed_until IS NULL OR claimed_until < now())
        ORDER BY due_at
        LIMIT greatest(0, $1 - (
            SELECT count(*) FROM notification_queues
            WHERE endpoint_id = endpoint.id AND due_at IS NOT NULL AND claimed_until >= now()
        ))
        FOR UPDATE SKIP LOCKED
    ) AS queue
    WHERE endpoint.is_enabled
)
UPDATE notification_queues AS queue
SET claim = $2, claimed_until = now() + $3::interval
FROM due
WHERE (queue.endpoint_id, queue.reference_kind, queue.reference_id)
    = (due.endpoint_id, due.reference_kind, due.reference_id)
RETURNING queue.endpoint_id, queue.reference_kind, queue.reference_id
"""
_NEXT = """
SELECT delivery.id AS delivery_id, endpoint.id AS endpoint_id, endpoint.url, endpoint.secret_version,
    endpoint.previous_secret_until > now() AS has_previous_secret, endpoint.is_enabled, queue.failures, event.*
FROM notification_queues AS queue
JOIN notification_endpoints AS endpoint ON endpoint.id = queue.endpoint_id
LEFT JOIN LATERAL (
    SELECT id, event_number FROM notification_deliveries
    WHERE (endpoint_id, reference_kind, reference_id)
        = (queue.endpoint_id, queue.reference_kind, queue.reference_id) AND state = 'pending'
    ORDER BY id
    LIMIT 1
) AS delivery ON true
LEFT JOIN domain_events AS event ON event.id = delivery.event_number
WHERE (queue.endpoint_id, queue.reference_kind, queue.reference_id) = ($1, $2, $3) AND queue.claim = $4
"""

# All or nothing: whoever has lost the claim changes nothing.
_FINISH = """
WITH queue AS (
    UPDATE notification_queues
    SET pending = pending - 1, failures = 0, updated_at = now(),
        due_at = CASE WHEN pending > 1 THEN now() END,
        claim = CASE WHEN pending > 1 THEN claim END,
        claimed_until = CASE WHEN pending > 1 THEN claimed_until END
    WHERE (endpoint_id, reference_kind, reference_id) = ($1, $2, $3) AND claim = $4 AND pending > 0
    RETURNING endpoint_id, pending
), delivery AS (
    UPDATE notification_deliveries
    SET state = $6, attempts = attempts + $7, finished_at = now(),
        first_attempt_at = coalesce(first_attempt_at, now())
    WHERE id = $5 AND state = 'pending' AND EXISTS (SELECT FROM queue)
    RETURNING id
), attempt AS (
    INSERT INTO notification_attempts (delivery_id, at, milliseconds, status, error, excerpt)
    SELECT id, now(), $8, $9, $10, $11 FROM delivery WHERE $7 > 0
)
SELECT pending FROM queue
"""
_REPEAT_LATER = """
WITH queue AS (
    UPDATE notification_queues
    SET failures = failures + 1, due_at = now() + $6::interval, claim = NULL, claimed_until = NULL, updated_at = now()
    WHERE (endpoint_id, reference_kind, reference_id) = ($1, $2, $3) AND claim = $4 AND pending > 0
    RETURNING endpoint_id
), delivery AS (
    UPDATE notification_deliveries
    SET attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, now())
    WHERE id = $5 AND state = 'pending' AND EXISTS (SELECT FROM queue)
    RETURNING id, first_attempt_at
), attempt AS (
    INSERT INTO notification_attempts (delivery_id, at, milliseconds, status, error, excerpt)
    SELECT id, now(), $7, $8, $9, $10 FROM delivery
)
SELECT now() - first_attempt_at > $11::interval AS is_over FROM delivery
"""
_REACHED = "UPDATE notification_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL"
_FAILED = """
UPDATE notification_endpoints SET failing_since = coalesce(failing_since, now()) WHERE id = $1
RETURNING now() - failing_since > $2::interval AS is_over
"""
_SET_ASIDE = """
WITH delivery AS (
    UPDATE notification_deliveries SET state = 'set_aside', finished_at = now()
    WHERE id = $1 AND state = 'pending'
    RETURNING endpoint_id, reference_kind, reference_id
)
UPDATE notification_queues AS queue
SET pending = pending - 1, failures = 0, updated_at = now(), due_at = CASE WHEN pending > 1 THEN now() END
FROM delivery
WHERE (queue.endpoint_id, queue.reference_kind, queue.reference_id)
    = (delivery.endpoint_id, delivery.reference_kind, delivery.reference_id)
"""
# Nothing is left of what the queue counts: it was removed when it was too old.
_EMPTY = """
UPDATE notification_queues AS queue
SET pending = left_over.count, claim = NULL, claimed_until = NULL, updated_at = now(),
    due_at = CASE WHEN left_over.count > 0 THEN now() END
FROM (
    SELECT count(*) AS count FROM notification_deliveries
    WHERE (endpoint_id, reference_kind, reference_id) = ($1, $2, $3) AND state = 'pending'
) AS left_over
WHERE (queue.endpoint_id, queue.reference_kind, queue.reference_id) = ($1, $2, $3) AND queue.claim = $4
    AND queue.updated_at < now() - interval '1 minute'
"""
_RELEASE = """
UPDATE notification_queues SET claim = NULL, claimed_until = NULL
WHERE (endpoint_id, reference_kind, reference_id) = ($1, $2, $3) AND claim = $4
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A queue that this worker sends for a while, until `claimed_until` in the database."""

    endpoint_id: UUID
    kind: str
    reference_id: str
    token: UUID

    @property
    def key(self) -> tuple[UUID, str, str, UUID]:
        return self.endpoint_id, self.kind, self.reference_id, self.token


async def claim_due(resources: Resources) -> list[Claim]:
    """Claim the queues that are due, for as long as a request for each of its deliveries may take."""
    token = uuid4()
    lease = resources.settings.notification_timeout * 2 + timedelta(seconds=20)
    rows = await resources.database.fetch(_CLAIM, PER_ENDPOINT, token, lease)
    return [Claim(row["endpoint_id"], row["reference_kind"], row["reference_id"], token) for row in rows]


async def work(resources: Resources, sender: Sender, claim: Claim) -> None:
    """Send a queue's deliveries in their order, until one fails, none is left, or the claim's time is nearly over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + resources.settings.notification_timeout.total_seconds() + 10
    for _ in range(MOST_IN_A_ROW):
        row = await resources.database.fetchrow(_NEXT, *claim.key)
        if row is None:
            return  # others have taken it over
        if row["delivery_id"] is None:
            await resources.database.execute(_EMPTY, *claim.key)
            break
        if not row["is_enabled"] or loop.time() > until:
            break
        if row["id"] is None:  # its event is no longer kept
            await _finish(resources, claim, row, "set_aside", None)
        elif not await _send(resources, sender, claim, row):
            return
    await resources.database.execute(_RELEASE, *claim.key)


async def _send(resources: Resources, sender: Sender, claim: Claim, row: Record) -> bool:
    """Send one delivery and record what came of it; return whether the queue goes on."""
    event = event_of(row)
    body = event.model_dump_json()
    outcome = await sender.send(row["url"], body, signed_headers(event.id, body, secrets_of(resources, row)))
    DELIVERIES.labels("delivered" if outcome.is_delivered else "failed").inc()
    if outcome.is_delivered:
        pending = await _finish(resources, claim, row, "delivered", outcome)
        await resources.database.execute(_REACHED, claim.endpoint_id)
        return bool(pending)
    await _fail(resources, claim, row, outcome)
    return False


def secrets_of(resources: Resources, endpoint: Record) -> list[str]:
    """Return the secrets that sign now: the present one, and the one before while both count."""
    key = resources.settings.notification_key
    assert key is not None, "nothing is sent without it"  # noqa: S101 - narrows the type
    versions = [endpoint["secret_version"]]
    if endpoint["has_previous_secret"] and versions[0] > 1:
        versions.append(versions[0] - 1)
    return [derive_secret(key.get_secret_value().encode(), endpoint["endpoint_id"], each) for each in versions]


async def _finish(resources: Resources, claim: Claim, row: Record, state: str, outcome: Outcome | None) -> int | None:
    """Record the end of a delivery; return how many are left in its queue, None when the claim is lost."""
    facts = (outcome.milliseconds, outcome.status, outcome.error, outcome.excerpt) if outcome else (None,) * 4
    requests = 1 if outcome else 0
    left: int | None = await resources.database.fetchval(
        _FINISH, *claim.key, row["delivery_id"], state, requests, *facts
    )
    return left


async def _fail(resources: Resources, claim: Claim, row: Record, outcome: Outcome) -> None:
    database, endpoint_id = resources.database, claim.endpoint_id
    facts = (outcome.milliseconds, outcome.status, outcome.error, outcome.excerpt)
    pause = _pause(row["failures"], outcome)
    log.info("notification.failed", endpoint=str(endpoint_id), status=outcome.status, error=outcome.error)
    is_over = await database.fetchval(_REPEAT_LATER, *claim.key, row["delivery_id"], pause, *facts, GIVE_UP_AFTER)
    if is_over:
        await database.execute(_SET_ASIDE, row["delivery_id"])
        DELIVERIES.labels("set_aside").inc()
        log.warning("notification.set_aside", endpoint=str(endpoint_id), delivery=row["delivery_id"])
    is_unreachable = await database.fetchval(_FAILED, endpoint_id, GIVE_UP_AFTER)
    reason = "gone" if outcome.is_gone else "unreachable" if is_unreachable else None
    if reason is not None and await repository.disable(database, endpoint_id, reason):
        ENDPOINTS_DISABLED.labels(reason).inc()
        log.warning("notification_endpoint.disabled", endpoint=str(endpoint_id), reason=reason)


def _pause(failures: int, outcome: Outcome) -> timedelta:
    """Return how long to wait: ever longer, at random around it, and as long as the endpoint asks for."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(failures, 20), LONGEST_PAUSE)
    pause *= random.uniform(0.8, 1.2)  # noqa: S311 - no secret
    asked = timedelta(seconds=outcome.retry_after or 0)
    return max(pause, min(asked, LONGEST_RETRY_AFTER))

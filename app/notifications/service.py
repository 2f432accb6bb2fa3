"""Make, change and try endpoints, read their deliveries, and send again what was missed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from uuid_utils.compat import uuid7

from app.auth.api_keys import Caller
from app.auth.person import Requester
from app.db.engine import Record
from app.domain_events.feed import Position, Selection, read_page
from app.domain_events.service import types_named
from app.http.pagination import Cursor, Page
from app.notifications import queueing, repository
from app.notifications.addresses import Permitted, check_url
from app.notifications.errors import DeliveryNotFound, EndpointNotFound, NotificationsDisabled, TooManyEndpoints
from app.notifications.schemas import (
    AttemptOfDelivery,
    DeliveryPage,
    DeliveryRead,
    DeliveryWithAttempts,
    EndpointCreate,
    EndpointPage,
    EndpointRead,
    EndpointUpdate,
    EndpointWithSecret,
    RecoverRead,
    RecoverRequest,
    TestRead,
)
from app.notifications.sending import open_sender
from app.notifications.signing import derive_secret, signed_headers
from app.payment_intents.protocol.terms import Reference
from app.resources import Resources

log = structlog.get_logger()

MAX_ENDPOINTS = 20

# Of one request to recover; the answer says where to go on.
MAX_RECOVERED = 10_000

MAX_ID = 2**63 - 1
TEST_EVENT = '{{"id": "{id}", "type": "test", "version": 1, "created_at": "{at}", "data": {{}}}}'


async def create(resources: Resources, params: EndpointCreate, caller: Caller) -> EndpointWithSecret:
    """Make an endpoint. Raises NotificationsDisabled, AddressNotAllowed, AddressNotFound or TooManyEndpoints."""
    key = _key(resources)
    await check_url(params.url, Permitted(resources.settings.notification_networks))
    row = await repository.insert(
        resources.database, uuid7(), params.model_dump(), by=caller.client, limit=MAX_ENDPOINTS
    )
    if row is None:
        raise TooManyEndpoints
    _log("notification_endpoint.created", row["id"], caller)
    return _with_secret(row, key)


async def list_endpoints(resources: Resources) -> EndpointPage:
    return EndpointPage(data=[_read(row) for row in await repository.list_endpoints(resources.database)])


async def get(resources: Resources, endpoint_id: UUID) -> EndpointRead:
    return _read(await _existing(resources, endpoint_id))


async def update(resources: Resources, endpoint_id: UUID, params: EndpointUpdate, caller: Caller) -> EndpointRead:
    """Change what is given. Raises as `create` does, or EndpointNotFound."""
    if params.url is not None:
        await check_url(params.url, Permitted(resources.settings.notification_networks))
    row = await repository.update(resources.database, endpoint_id, params.model_dump())
    _log("notification_endpoint.updated", endpoint_id, caller)
    return _read(_found(row))


async def delete(resources: Resources, endpoint_id: UUID, caller: Caller) -> None:
    if not await repository.delete(resources.database, endpoint_id):
        raise EndpointNotFound
    _log("notification_endpoint.deleted", endpoint_id, caller)


async def enable(resources: Resources, endpoint_id: UUID, caller: Caller) -> EndpointRead:
    """Send to it again, beginning with what waits."""
    row = _found(await repository.enable(resources.database, endpoint_id))
    _log("notification_endpoint.enabled", endpoint_id, caller)
    return _read(row)


async def disable(resources: Resources, endpoint_id: UUID, caller: Caller) -> EndpointRead:
    """Send nothing to it until it is enabled; what happens meanwhile is not queued for it."""
    await _existing(resources, endpoint_id)
    await repository.disable(resources.database, endpoint_id, "requested")
    _log("notification_endpoint.disabled", endpoint_id, caller)
    return await get(resources, endpoint_id)


async def rotate_secret(
    resources: Resources, endpoint_id: UUID, overlap_seconds: int, caller: Caller
) -> EndpointWithSecret:
    """Make its next secret; for a while the one before signs too."""
    key = _key(resources)
    row = _found(await repository.rotate_secret(resources.database, endpoint_id, overlap_seconds))
    _log("notification_endpoint.secret_rotated", endpoint_id, caller)
    return _with_secret(row, key)


async def send_test(resources: Resources, endpoint_id: UUID) -> TestRead:
    """Send an event of the type `test` now, once, and return what came of it."""
    key, row = _key(resources), await _existing(resources, endpoint_id)
    event_id = f"event_test_{uuid4().hex}"
    body = TEST_EVENT.format(id=event_id, at=datetime.now(UTC).isoformat())
    secret = derive_secret(key, endpoint_id, row["secret_version"])
    async with open_sender(resources.settings) as sender:
        outcome = await sender.send(row["url"], body, signed_headers(event_id, body, [secret]))
    return TestRead(
        is_delivered=outcome.is_delivered,
        status=outcome.status,
        error=outcome.error,
        milliseconds=outcome.milliseconds,
        excerpt=outcome.excerpt,
    )


async def list_deliveries(
    resources: Resources,
    endpoint_id: UUID,
    page: Page,
    *,
    state: str | None,
    event_type: str | None,
    reference: Reference | None,
) -> DeliveryPage:
    """List an endpoint's deliveries, newest first."""
    await _existing(resources, endpoint_id)
    before = page.after.id.int if page.after is not None else MAX_ID
    rows = await repository.list_deliveries(
        resources.database,
        endpoint_id,
        before=min(before, MAX_ID),
        state=state,
        event_type=event_type,
        reference=(reference.kind, reference.id) if reference else None,
        limit=page.limit + 1,
    )
    data, following = rows[: page.limit], rows[page.limit :]
    return DeliveryPage(
        data=[DeliveryRead.model_validate(DeliveryRead.fields_of(row)) for row in data],
        next_cursor=Cursor(data[-1]["created_at"], UUID(int=data[-1]["id"])).encode() if following else None,
    )


async def get_delivery(resources: Resources, endpoint_id: UUID, delivery_id: int) -> DeliveryWithAttempts:
    row = await _existing_delivery(resources, endpoint_id, delivery_id)
    requests = await repository.list_attempts(resources.database, delivery_id)
    told: Mapping[str, Any] = DeliveryRead.fields_of(row)
    return DeliveryWithAttempts.model_validate(
        {**told, "requests": [AttemptOfDelivery.model_validate(dict(each)) for each in requests]}
    )


async def redeliver(resources: Resources, endpoint_id: UUID, delivery_id: int, caller: Requester) -> None:
    """Send a delivery's event once more, behind what its cart's queue holds. Raises DeliveryNotFound."""
    row = await _existing_delivery(resources, endpoint_id, delivery_id)
    event = await resources.database.fetchrow("SELECT * FROM domain_events WHERE id = $1", row["event_number"])
    if event is None:
        raise DeliveryNotFound
    async with resources.database.transaction() as connection:
        await queueing.enqueue(connection, [(endpoint_id, event)])
    _log("notification_endpoint.redelivered", endpoint_id, caller)


async def recover(resources: Resources, endpoint_id: UUID, params: RecoverRequest, caller: Caller) -> RecoverRead:
    """Queue all events since a time again, in their order; those that the endpoint wants, or some of them."""
    endpoint = await _existing(resources, endpoint_id)
    types = types_named(",".join(params.types or repository.types_of(endpoint)))
    first = await repository.first_since(resources.database, params.since)
    queued, after = 0, Position(first["xid"], first["id"] - 1) if first is not None else None
    last: Record | None = None
    while after is not None and queued < MAX_RECOVERED:
        async with resources.database.transaction() as connection:
            page = await read_page(connection, after, limit=queueing.BATCH, selection=Selection(types))
            events = [event for event in page.events if event["created_at"] >= params.since]
            queued += await queueing.enqueue(connection, [(endpoint_id, event) for event in events])
        last = page.last
        after = None if page.is_caught_up or last is None else Position(last["xid"], last["id"])
    _log("notification_endpoint.recovered", endpoint_id, caller)
    return RecoverRead(queued=queued, continue_since=last["created_at"] if after is not None and last else None)


def _key(resources: Resources) -> bytes:
    key = resources.settings.notification_key
    if key is None:
        raise NotificationsDisabled
    return key.get_secret_value().encode()


async def _existing(resources: Resources, endpoint_id: UUID) -> Record:
    return _found(await repository.get(resources.database, endpoint_id))


def _found(row: Record | None) -> Record:
    if row is None:
        raise EndpointNotFound
    return row


async def _existing_delivery(resources: Resources, endpoint_id: UUID, delivery_id: int) -> Record:
    await _existing(resources, endpoint_id)
    row = await repository.get_delivery(resources.database, endpoint_id, delivery_id)
    if row is None:
        raise DeliveryNotFound
    return row


def _read(row: Record) -> EndpointRead:
    return EndpointRead.of(row, repository.types_of(row))


def _with_secret(row: Record, key: bytes) -> EndpointWithSecret:
    secret = derive_secret(key, row["id"], row["secret_version"])
    return EndpointWithSecret(**_read(row).model_dump(), secret=secret)


def _log(what: str, endpoint_id: UUID, caller: Requester) -> None:
    log.info(what, endpoint=str(endpoint_id), by=caller.client)

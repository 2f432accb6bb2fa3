"""`/v1/notification-endpoints`: where events are sent, and what became of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query

from app.auth.dependencies import Admin
from app.domain_events.errors import UnknownEventType
from app.http.errors import InvalidCursor
from app.http.pagination import PageQuery
from app.http.problems import AUTHENTICATED, WITH_BODY, documented
from app.notifications import service
from app.notifications.errors import (
    AddressNotAllowed,
    AddressNotFound,
    DeliveryNotFound,
    EndpointNotFound,
    NotificationsDisabled,
    TooManyEndpoints,
)
from app.notifications.schemas import (
    DeliveryPage,
    DeliveryState,
    DeliveryWithAttempts,
    EndpointCreate,
    EndpointPage,
    EndpointRead,
    EndpointUpdate,
    EndpointWithSecret,
    Pattern,
    RecoverRead,
    RecoverRequest,
    SecretRotate,
    TestRead,
)
from app.references.path import ReferenceName, reference_named
from app.resources import ResourcesDependency

router = APIRouter(prefix="/v1/notification-endpoints", tags=["Notifications"])

EndpointId = Annotated[UUID, Path(description="The endpoint.", examples=["019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c20"])]
DeliveryId = Annotated[int, Path(ge=1, le=service.MAX_ID, description="The delivery.", examples=[4711])]
ADDRESS = (AddressNotAllowed, AddressNotFound, UnknownEventType)


@router.post(
    "",
    status_code=201,
    summary="Make an endpoint",
    responses=documented(*AUTHENTICATED, *WITH_BODY, *ADDRESS, NotificationsDisabled, TooManyEndpoints),
)
async def create_endpoint(caller: Admin, params: EndpointCreate, resources: ResourcesDependency) -> EndpointWithSecret:
    """Have events posted to an address, from now on. The answer has the secret, once."""
    return await service.create(resources, params, caller)


@router.get("", summary="List endpoints", responses=documented(*AUTHENTICATED))
async def list_endpoints(_: Admin, resources: ResourcesDependency) -> EndpointPage:
    """List all endpoints, the oldest first."""
    return await service.list_endpoints(resources)


@router.get("/{endpoint_id}", summary="Read an endpoint", responses=documented(*AUTHENTICATED, EndpointNotFound))
async def get_endpoint(endpoint_id: EndpointId, _: Admin, resources: ResourcesDependency) -> EndpointRead:
    """Read an endpoint, and whether it can be reached."""
    return await service.get(resources, endpoint_id)


@router.patch(
    "/{endpoint_id}",
    summary="Change an endpoint",
    responses=documented(*AUTHENTICATED, *WITH_BODY, *ADDRESS, EndpointNotFound),
)
async def update_endpoint(
    endpoint_id: EndpointId, caller: Admin, params: EndpointUpdate, resources: ResourcesDependency
) -> EndpointRead:
    """Change the address, the types or the description; what waits goes to the new address."""
    return await service.update(resources, endpoint_id, params, caller)


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    summary="Delete an endpoint",
    responses=documented(*AUTHENTICATED, EndpointNotFound),
)
async def delete_endpoint(endpoint_id: EndpointId, caller: Admin, resources: ResourcesDependency) -> None:
    """Send nothing to it any more; what waits is dropped."""
    await service.delete(resources, endpoint_id, caller)


@router.post(
    "/{endpoint_id}/rotate-secret",
    summary="Rotate the secret",
    responses=documented(*AUTHENTICATED, *WITH_BODY, EndpointNotFound, NotificationsDisabled),
)
async def rotate_secret(
    endpoint_id: EndpointId,
    caller: Admin,
    resources: ResourcesDependency,
    params: Annotated[SecretRotate, Body(default_factory=SecretRotate)],
) -> EndpointWithSecret:
    """Make the next secret. For the overlap both sign, so that the receiver can change in between."""
    return await service.rotate_secret(resources, endpoint_id, params.overlap_seconds, caller)


@router.post(
    "/{endpoint_id}/enable", summary="Enable an endpoint", responses=documented(*AUTHENTICATED, EndpointNotFound)
)
async def enable_endpoint(endpoint_id: EndpointId, caller: Admin, resources: ResourcesDependency) -> EndpointRead:
    """Send to it again, beginning with what waits. `recover` sends what happened while it was disabled."""
    return await service.enable(resources, endpoint_id, caller)


@router.post(
    "/{endpoint_id}/disable", summary="Disable an endpoint", responses=documented(*AUTHENTICATED, EndpointNotFound)
)
async def disable_endpoint(endpoint_id: EndpointId, caller: Admin, resources: ResourcesDependency) -> EndpointRead:
    """Send nothing to it until it is enabled; what happens meanwhile is not queued for it."""
    return await service.disable(resources, endpoint_id, caller)


@router.post(
    "/{endpoint_id}/test",
    summary="Send a test event",
    responses=documented(*AUTHENTICATED, EndpointNotFound, NotificationsDisabled),
)
async def send_test_event(endpoint_id: EndpointId, _: Admin, resources: ResourcesDependency) -> TestRead:
    """Post an event of the type `test` now, once, and tell what was answered."""
    return await service.send_test(resources, endpoint_id)


@router.get(
    "/{endpoint_id}/deliveries",
    summary="List deliveries",
    responses=documented(*AUTHENTICATED, EndpointNotFound, InvalidCursor),
)
async def list_deliveries(
    endpoint_id: EndpointId,
    _: Admin,
    resources: ResourcesDependency,
    page: PageQuery,
    state: Annotated[DeliveryState | None, Query()] = None,
    event_type: Annotated[Pattern | None, Query(alias="type", description="The type of the event.")] = None,
    reference: Annotated[ReferenceName | None, Query()] = None,
) -> DeliveryPage:
    """List what was sent and what waits, newest first."""
    of = reference_named(reference) if reference else None
    return await service.list_deliveries(resources, endpoint_id, page, state=state, event_type=event_type, reference=of)


@router.get(
    "/{endpoint_id}/deliveries/{delivery_id}",
    summary="Read a delivery",
    responses=documented(*AUTHENTICATED, EndpointNotFound, DeliveryNotFound),
)
async def get_delivery(
    endpoint_id: EndpointId, delivery_id: DeliveryId, _: Admin, resources: ResourcesDependency
) -> DeliveryWithAttempts:
    """Read a delivery with its requests and the beginning of each answer."""
    return await service.get_delivery(resources, endpoint_id, delivery_id)


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    summary="Send a delivery again",
    responses=documented(*AUTHENTICATED, EndpointNotFound, DeliveryNotFound),
)
async def redeliver(
    endpoint_id: EndpointId, delivery_id: DeliveryId, caller: Admin, resources: ResourcesDependency
) -> None:
    """Send the event once more, with the same id, behind what its cart's queue holds."""
    await service.redeliver(resources, endpoint_id, delivery_id, caller)


@router.post(
    "/{endpoint_id}/recover",
    status_code=202,
    summary="Send missed events",
    responses=documented(*AUTHENTICATED, *WITH_BODY, EndpointNotFound, UnknownEventType),
)
async def recover(
    endpoint_id: EndpointId, caller: Admin, params: RecoverRequest, resources: ResourcesDependency
) -> RecoverRead:
    """Send all events since a time again, in their order, or those of some types; ids are the same."""
    return await service.recover(resources, endpoint_id, params, caller)

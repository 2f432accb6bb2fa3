"""Why an endpoint can't be made, found or reached."""

from http import HTTPStatus

from app.errors import Conflict, NotFound, ValidationFailed


class NotificationsDisabled(Conflict):
    """Notifications are not sent here: the operator has to set NOTIFICATION_KEY."""

    status, code, title = HTTPStatus.CONFLICT, "notifications_disabled", "Notifications disabled"


class EndpointNotFound(NotFound):
    """There is no notification endpoint with this id."""

    code, title = "notification_endpoint_not_found", "Notification endpoint not found"


class DeliveryNotFound(NotFound):
    """This endpoint has no delivery with this id, or its event is no longer kept."""

    code, title = "delivery_not_found", "Delivery not found"


class TooManyEndpoints(Conflict):
    """There are as many notification endpoints as there may be; delete one first."""

    code, title = "too_many_endpoints", "Too many endpoints"


class AddressNotAllowed(ValidationFailed):
    """The endpoint's address is in a private, local or reserved network, or not reached by HTTPS.

    The operator can allow networks with NOTIFICATION_ALLOWED_NETWORKS.
    """

    code, title = "address_not_allowed", "Address not allowed"


class AddressNotFound(ValidationFailed):
    """The endpoint's host name can't be resolved."""

    code, title = "address_not_found", "Address not found"

"""Events: what happened to which object, as it was then, and for whom it is to be delivered."""

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import EXPAND, PAGING, boolean, created, list_of, required_string
from sandbox.config import API_VERSION
from sandbox.errors import missing
from sandbox.store import JsonObject

KEPT_SECONDS = 30 * 86_400


def emit(account: Account, kind: str, value: JsonObject, previous: JsonObject | None = None) -> JsonObject:
    """Record the event with the object's present state, and a delivery for each endpoint that wants it."""
    data = {"object": value} if previous is None else {"object": value, "previous_attributes": previous}
    if account.deliveries.takes_twin():
        _record(account, kind, data)
    return _record(account, kind, data)


def _record(account: Account, kind: str, data: JsonObject) -> JsonObject:
    event: JsonObject = {
        "id": account.ids.new("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": account.clock.timestamp(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": account.cause.request_id, "idempotency_key": account.cause.idempotency_key},
        "type": kind,
    }
    endpoints = [endpoint for endpoint in account.store.oldest("webhook_endpoint") if wants(endpoint, kind)]
    account.add({**event, "pending_webhooks": len(endpoints)})
    for endpoint in endpoints:
        for copy in range(account.deliveries.copies):
            add_delivery(account, event["id"], endpoint["id"], copy)
    return event


def wants(endpoint: JsonObject, kind: str) -> bool:
    return endpoint["status"] == "enabled" and not {"*", kind}.isdisjoint(endpoint["enabled_events"])


def add_delivery(account: Account, event_id: str, endpoint_id: str, copy: int = 0) -> None:
    """Plan a delivery; the sender learns of it after the commit."""
    mode = account.deliveries
    delivery: JsonObject = {
        "id": f"{event_id}:{endpoint_id}:{copy}",
        "event": event_id,
        "endpoint": endpoint_id,
        "status": "lost" if mode.takes_lost() else "pending",
        "attempts": 0,
        "next_at": account.clock.now() + mode.delay,
        "last_answer": None,
    }
    account.store.put("delivery", delivery["id"], delivery)
    account.new_deliveries.append(delivery["id"])


def retrieve(account: Account, call: Call) -> JsonObject:
    event = account.get("event", call.id)
    if event is None or _is_forgotten(account, event):
        raise missing("event", call.id, "id", status=404)
    return event


def list_events(account: Account, call: Call) -> JsonObject:
    wanted = set(call.params.get("types") or ())
    if "type" in call.params:
        wanted.add(call.params["type"])
    delivered = call.params.get("delivery_success")

    def is_listed(event: JsonObject) -> bool:
        return (
            (not wanted or event["type"] in wanted)
            and (delivered is None or delivered == (event["pending_webhooks"] == 0))
            and not _is_forgotten(account, event)
        )

    return page(call, filter(is_listed, account.store.newest("event")))


def _is_forgotten(account: Account, event: JsonObject) -> bool:
    return bool(event["created"] <= account.clock.timestamp() - KEPT_SECONDS)


LIST = {
    **PAGING,
    "created": created,
    "type": required_string,
    "types": list_of(required_string),
    "delivery_success": boolean,
}

OPERATIONS = (
    Operation("GET", "/v1/events/:id", retrieve, EXPAND),
    Operation("GET", "/v1/events", list_events, LIST),
)

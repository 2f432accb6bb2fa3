"""Webhook endpoints: where events go, which, and with which secret they are signed."""

from typing import Any

from sandbox.account import Account
from sandbox.api.listing import page
from sandbox.api.operation import Call, Operation
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    boolean,
    list_of,
    merged,
    metadata,
    required_string,
    string,
)
from sandbox.config import API_VERSION
from sandbox.errors import NotImplementedHereError, missing
from sandbox.payment_intents.params import url
from sandbox.store import JsonObject

CONFIGURED = "we_configured"


def configure(account: Account) -> None:
    """Bring the endpoint of the config up to date; take it away when the config has none."""
    config = account.config
    if config.webhook_url is None:
        account.store.delete("webhook_endpoint", CONFIGURED)
        return
    existing = account.get("webhook_endpoint", CONFIGURED)
    endpoint = existing or _new(account, CONFIGURED, config.webhook_url, ["*"])
    account.add({**endpoint, "url": config.webhook_url, "status": "enabled"})
    account.note(CONFIGURED, secrets=[[config.webhook_secret, None]])


def active_secrets(account: Account, endpoint_id: str) -> list[str]:
    """Return the newest secret, and older ones until their time is over."""
    now = account.clock.now()
    secrets = account.notes(endpoint_id).get("secrets", [])
    return [secret for secret, until in secrets if until is None or until > now]


def roll_secret(account: Account, endpoint_id: str, overlap: float) -> str:
    """Replace the endpoint's secret and return the new one; the old one signs too for so many seconds."""
    fresh = account.ids.new("whsec")
    until = account.clock.now() + overlap
    old = [[secret, until] for secret in active_secrets(account, endpoint_id)[:1]]
    account.note(endpoint_id, secrets=[[fresh, None], *old])
    return fresh


def _new(account: Account, endpoint_id: str, address: str, enabled_events: list[str]) -> JsonObject:
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": account.clock.timestamp(),
        "description": None,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": address,
    }


def create(account: Account, call: Call) -> JsonObject:
    given = call.params
    endpoint = _new(account, account.ids.new("we"), given["url"], given["enabled_events"])
    endpoint |= {"description": given.get("description"), "metadata": merged({}, given.get("metadata") or {})}
    account.add(endpoint)
    secret = roll_secret(account, endpoint["id"], overlap=0)
    return {**endpoint, "secret": secret}


def find(account: Account, call: Call) -> JsonObject:
    endpoint = account.get("webhook_endpoint", call.id)
    if endpoint is None:
        raise missing("webhook endpoint", call.id, "webhook_endpoint", status=404)
    return endpoint


def update(account: Account, call: Call) -> JsonObject:
    endpoint = find(account, call)
    changes = {name: call.params[name] for name in ("description", "enabled_events", "url") if name in call}
    if "disabled" in call:
        changes["status"] = "disabled" if call.params["disabled"] else "enabled"
    if "metadata" in call:
        changes["metadata"] = merged(endpoint["metadata"], call.params["metadata"])
    return account.change(endpoint, **changes)


def delete(account: Account, call: Call) -> JsonObject:
    endpoint = find(account, call)
    account.store.delete("webhook_endpoint", endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def list_endpoints(account: Account, call: Call) -> JsonObject:
    return page(call, account.store.newest("webhook_endpoint"))


def api_version(name: str, value: Any) -> str:
    if value != API_VERSION:
        raise NotImplementedHereError(f"events of the API version {value}", param=name)
    return API_VERSION


_WRITABLE: Schema = {
    **EXPAND,
    "description": string,
    "enabled_events": list_of(required_string),
    "metadata": metadata,
    "url": url,
}
CREATE: Schema = {**_WRITABLE, "api_version": api_version}
UPDATE: Schema = {**_WRITABLE, "disabled": boolean}

OPERATIONS = (
    Operation("POST", "/v1/webhook_endpoints", create, CREATE),
    Operation("GET", "/v1/webhook_endpoints", list_endpoints, PAGING),
    Operation("GET", "/v1/webhook_endpoints/:id", find),
    Operation("POST", "/v1/webhook_endpoints/:id", update, UPDATE),
    Operation("DELETE", "/v1/webhook_endpoints/:id", delete, schema={}),
)

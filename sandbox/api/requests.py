"""The log of requests: what was asked, without secrets."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.store import JsonObject

MAX_LOGGED_REQUESTS = 5_000
REDACTED = "[redacted]"
_SECRET = frozenset({"client_secret", "key", "card", "number", "cvc", "secret"})


@dataclass(slots=True)
class Logged:
    method: str
    path: str
    request_id: str
    idempotency_key: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    """None where the connection was cut before an answer."""
    is_replayed: bool = False
    is_publishable: bool = False

    def shown(self) -> JsonObject:
        return {
            "method": self.method,
            "path": self.path,
            "request_id": self.request_id,
            "idempotency_key": self.idempotency_key,
            "params": redacted(self.params),
            "status": self.status,
            "replayed": self.is_replayed,
            "publishable": self.is_publishable,
        }


def redacted(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: REDACTED if key in _SECRET else redacted(item) for key, item in value.items()}


def without_secrets(value: Any) -> Any:
    """Leave client secrets out, at every depth."""
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items() if key not in _SECRET - {"card"}}
    return value


def new_log() -> deque[Logged]:
    return deque(maxlen=MAX_LOGGED_REQUESTS)

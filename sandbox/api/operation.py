"""What the API can do: an entry for each method and path, and the call that it receives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.account import Account
from sandbox.api.params import EXPAND, Schema
from sandbox.api.stripe_params import STRIPE_PARAMS
from sandbox.store import JsonObject


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read and checked."""

    method: str
    path: str
    params: dict[str, Any]
    id: str = ""
    client_secret: str | None = None
    is_publishable: bool = False
    is_from_stripe_js: bool = False
    """Whether Stripe's script handles what follows in the page, as `expected_payment_method_type` says."""

    def __contains__(self, name: str) -> bool:
        return name in self.params


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    """With `:id` where the object's id stands."""
    run: Callable[[Account, Call], JsonObject]
    schema: Schema = field(default_factory=lambda: EXPAND)
    allows_publishable: bool = False


class Routes:
    """Find an operation by method and path."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._by_shape = {(entry.method, tuple(entry.path.split("/"))): entry for entry in operations}

    def find(self, method: str, path: str) -> tuple[Operation, str] | None:
        """Return the operation and the id in the path; an empty id means the list, as at Stripe."""
        segments = path.rstrip("/").split("/")
        exact = self._by_shape.get((method, tuple(segments)))
        if exact is not None:
            return exact, ""
        if (method, "/".join(segments)) in STRIPE_PARAMS:
            return None  # `/v1/charges/search` is an operation of its own, not the Charge named "search"
        for place in range(3, min(len(segments), 5)):
            shape = (*segments[:place], ":id", *segments[place + 1 :])
            found = self._by_shape.get((method, shape))
            if found is not None:
                return found, segments[place]
        return None

"""Read access to what the sandbox holds."""

import itertools

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.account import Account
from sandbox.api.endpoint import Endpoint
from sandbox.api.requests import without_secrets
from sandbox.errors import ApiError
from sandbox.store import JsonObject

OVERVIEW = {
    "payment_intents": "payment_intent",
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "sessions": "checkout.session",
    "events": "event",
    "deliveries": "delivery",
}
SHOWN = 50
NOT_FOUND = 404


class Look:
    def __init__(self, account: Account, api: Endpoint) -> None:
        self._account = account
        self._api = api

    async def objects(self, request: Request) -> Response:
        kind = request.path_params["kind"].removesuffix("s")
        return JSONResponse(list(self._account.store.oldest(kind)))

    async def object(self, request: Request) -> Response:
        kind = request.path_params["kind"].removesuffix("s")
        found = self._account.get(kind, request.path_params["id"])
        if found is None:
            raise ApiError(f"There is no such {kind}.", status=NOT_FOUND)
        return JSONResponse(found)

    async def count(self, request: Request) -> Response:
        kind = request.path_params["kind"].removesuffix("s")
        return JSONResponse({"count": self._account.store.count(kind)})

    async def overview(self, _: Request) -> Response:
        """Return the newest of everything, for the page at `/`; client secrets are left out."""
        newest = {name: self._newest(kind) for name, kind in OVERVIEW.items()}
        requests = [logged.shown() for logged in itertools.islice(reversed(self._api.log), SHOWN)]
        return JSONResponse({"now": self._account.clock.now(), "requests": requests, **newest})

    def _newest(self, kind: str) -> list[JsonObject]:
        return [without_secrets(value) for value in itertools.islice(self._account.store.newest(kind), SHOWN)]

    async def requests(self, _: Request) -> Response:
        return JSONResponse([logged.shown() for logged in self._api.log])

    async def held(self, _: Request) -> Response:
        return JSONResponse({"waiting": sum(hold.waiting for hold in self._api.faults.holds)})

    async def deliveries(self, _: Request) -> Response:
        return JSONResponse(list(self._account.store.oldest("delivery")))

    async def publishable_key(self, _: Request) -> Response:
        return JSONResponse({"publishable_key": self._account.config.publishable_key or "pk_test_sandbox"})

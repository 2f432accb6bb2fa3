"""Calls about Checkout Sessions. Each answer shows the session with its PaymentIntent, if a shopper has made one."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from app.stripe_gateway.client import Params, StripeHttp
from app.stripe_gateway.client_secrets import ClientSecrets
from app.stripe_gateway.errors import StripeUnavailable
from app.stripe_gateway.retries import is_replay
from app.stripe_gateway.snapshots import CheckoutSessionSnapshot, Json, read

PATH = "/v1/checkout/sessions"
EXPANDED = {"expand": ["payment_intent"]}


class CheckoutSessions:
    """Stripe's Checkout Sessions as this service uses them."""

    def __init__(self, http: StripeHttp, secrets: ClientSecrets) -> None:
        self._http = http
        self._secrets = secrets

    async def create(self, params: Params, *, key: str) -> CheckoutSessionSnapshot:
        """Open it, or return the first answer again when `key` was used before."""
        return await self._send("post", PATH, params, key=key)

    async def retrieve(self, checkout_id: str) -> CheckoutSessionSnapshot:
        return await self._send("get", f"{PATH}/{checkout_id}", {})

    async def update(self, checkout_id: str, params: Params, *, key: str) -> CheckoutSessionSnapshot:
        """Change its metadata and, in the mode `elements`, its items. Raises StripeRefused when it is not open."""
        return await self._send("post", f"{PATH}/{checkout_id}", params, key=key)

    async def expire(self, checkout_id: str, *, key: str) -> CheckoutSessionSnapshot:
        """End it. Raises StripeRefused when it is not open any more: it may have been paid."""
        return await self._send("post", f"{PATH}/{checkout_id}/expire", {}, key=key)

    async def find(
        self, *, metadata: Mapping[str, str], created_after: datetime, created_before: datetime | None
    ) -> CheckoutSessionSnapshot | None:
        """Return the session with this metadata among all that were created in that time."""
        created = {"gte": int(created_after.timestamp())}
        if created_before is not None:
            created["lte"] = int(created_before.timestamp())
        return await self._first({"created": created}, metadata)

    async def find_of(self, payment_intent_id: str) -> CheckoutSessionSnapshot | None:
        """Return the session that made a PaymentIntent; None for one that was made without."""
        return await self._first({"payment_intent": payment_intent_id}, {})

    async def list_open(self) -> AsyncIterator[CheckoutSessionSnapshot]:
        """Yield every session that can be paid: those of one day, however many. Raises StripeUnavailable."""
        params = {"status": "open", "expand": ["data.payment_intent"]}
        async for obj in self._http.list_all(PATH, params, is_long=True):
            if obj.get("mode") == "payment" and obj.get("amount_total"):
                yield CheckoutSessionSnapshot.parse(obj)

    async def _first(self, params: Params, metadata: Mapping[str, str]) -> CheckoutSessionSnapshot | None:
        """Return the first of Stripe's list with this metadata. Raises StripeUnavailable when it can't be read."""
        expanded = {"expand": ["data.payment_intent"]}
        try:
            async for obj in self._http.list_all(PATH, {**params, **expanded}):
                if metadata.items() <= read.metadata(obj.get("metadata")).items():
                    self._remember(obj)
                    return CheckoutSessionSnapshot.parse(obj)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StripeUnavailable from error
        return None

    async def _send(self, method: str, path: str, params: Params, *, key: str | None = None) -> CheckoutSessionSnapshot:
        obj, headers = await self._http.send(method, path, {**params, **EXPANDED}, key=key)
        try:
            snapshot = CheckoutSessionSnapshot.parse(
                obj, is_replay=is_replay(headers), request_id=headers.get("request-id")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StripeUnavailable from error
        self._remember(obj)
        return snapshot

    def _remember(self, obj: Json) -> None:
        """Keep what lets the shopper pay: a client secret for the page of the shop, or the address of Stripe's."""
        self._secrets.remember(str(obj.get("id")), obj.get("client_secret") or obj.get("url"))

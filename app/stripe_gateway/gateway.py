"""Calls to Stripe, each bounded in time, each ending in one of three ways.

- a snapshot: Stripe did it, or had done it before (`is_replay`);
- `StripeRefused`: Stripe's definite "no", nothing was done;
- `StripeUnavailable`: unknown; the work may be done, or land later.

The library's raw requests are used: they skip building its objects, half of a call's cost, and its
objects show client secrets in their repr. Source of the rules: docs.stripe.com/error-low-level.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import stripe
from stripe import StripeClient

from app.errors import StripeMisconfigured, StripeRefused, StripeUnavailable
from app.settings import Settings
from app.stripe_gateway.account import AccountSnapshot, WebhookEndpointSnapshot
from app.stripe_gateway.client_secrets import ClientSecrets
from app.stripe_gateway.pace import Pace
from app.stripe_gateway.snapshots import ChargeSnapshot, DisputeSnapshot, Json, PaymentIntentSnapshot, RefundSnapshot
from app.stripe_gateway.undelivered import EventPage, Window

Params = Mapping[str, Any]

Snapshot = TypeVar("Snapshot")

# Stripe's own libraries write a telemetry id under the home directory unless told not to.
stripe.enable_telemetry = False

# An attempt that fails on the way is repeated by the library with the same key; the deadline bounds all of them.
MAX_NETWORK_RETRIES = 2

# A page of Stripe's lists, its largest.
PAGE_SIZE = 100


class UnexpectedState(StripeRefused):
    """Stripe refused because of the PaymentIntent's state, which it attached as a rule."""

    def __init__(self, snapshot: PaymentIntentSnapshot | None) -> None:
        told = f"{snapshot.id} is {snapshot.status}" if snapshot else "Its state was not told."
        super().__init__(told, stripe_code="payment_intent_unexpected_state")
        self.snapshot = snapshot


class KeyTaken(StripeUnavailable):
    """The idempotency key was used with other parameters before, so something may have been made with it."""


class StripeGateway:
    """Stripe's API as this service uses it. Bound to one event loop: open it in the lifespan."""

    def __init__(
        self, client: StripeClient, *, deadline: timedelta, secret_lifetime: timedelta, pace: Pace | None
    ) -> None:
        self._client = client
        self._deadline = deadline.total_seconds()
        self._pace = pace
        self._secrets = ClientSecrets(secret_lifetime)

    def client_secret(self, stripe_id: str) -> str | None:
        """Give the client secret if Stripe told this process in the last minutes; else retrieve first."""
        return self._secrets.get(stripe_id)

    async def create_payment_intent(self, params: Params, *, key: str) -> PaymentIntentSnapshot:
        """Create it, or get the first answer again when `key` was used before."""
        return await self._payment_intent("post", "/v1/payment_intents", params, key=key)

    async def retrieve_payment_intent(self, stripe_id: str) -> PaymentIntentSnapshot:
        return await self._payment_intent("get", f"/v1/payment_intents/{stripe_id}", {})

    async def update_payment_intent(self, stripe_id: str, params: Params, *, key: str) -> PaymentIntentSnapshot:
        """Update it. Raises UnexpectedState when its status allows that no more."""
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}", params, key=key)

    async def cancel_payment_intent(self, stripe_id: str, *, reason: str | None, key: str) -> PaymentIntentSnapshot:
        """Cancel it. Raises UnexpectedState when it is canceled already, or paid."""
        params = {"cancellation_reason": reason} if reason else {}
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}/cancel", params, key=key)

    async def capture_payment_intent(self, stripe_id: str, *, amount: int, key: str) -> PaymentIntentSnapshot:
        """Take held money, in minor units; what is left is released. Raises UnexpectedState when none is held."""
        params = {"amount_to_capture": amount}
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}/capture", params, key=key)

    async def find_payment_intent(
        self, *, metadata: Mapping[str, str], created_after: datetime
    ) -> PaymentIntentSnapshot | None:
        """Look through all PaymentIntents created since then for the one with this metadata.

        Stripe's lists are consistent at once, its search is not.
        """
        params = {"created": {"gte": int(created_after.timestamp())}}
        async for obj in self._list("/v1/payment_intents", params):
            snapshot = PaymentIntentSnapshot.parse(obj)
            if metadata.items() <= snapshot.metadata.items():
                return snapshot
        return None

    async def list_charges(self, stripe_id: str) -> list[ChargeSnapshot]:
        """List every attempt of a PaymentIntent that reached a Charge, newest first."""
        charges = self._list("/v1/charges", {"payment_intent": stripe_id})
        return await _read_all(charges, ChargeSnapshot.parse)

    async def list_disputes(self, stripe_id: str) -> list[DisputeSnapshot]:
        """List every dispute of a PaymentIntent, newest first."""
        disputes = self._list("/v1/disputes", {"payment_intent": stripe_id})
        return await _read_all(disputes, DisputeSnapshot.parse)

    async def page_of_events(self, window: Window, *, after: str | None) -> EventPage:
        """Give one page of the events in a window, newest first, from behind the event `after` on.

        An event that can't be read is left out. Raises StripeRefused when `after` is forgotten.
        """
        cursor = {"starting_after": after} if after else {}
        page, _ = await self._call("get", "/v1/events", {**window.params(), "limit": PAGE_SIZE, **cursor})
        try:
            return EventPage.parse(page)
        except (KeyError, TypeError, IndexError) as error:
            raise StripeUnavailable from error

    async def create_refund(self, params: Params, *, key: str) -> RefundSnapshot:
        """Refund, or get the first answer again when `key` was used before."""
        obj, headers = await self._call("post", "/v1/refunds", params, key=key)
        is_replay = headers.get("idempotent-replayed") == "true"
        try:
            return RefundSnapshot.parse(obj, is_replay=is_replay, request_id=headers.get("request-id"))
        except (KeyError, TypeError, ValueError) as error:
            raise StripeUnavailable from error

    async def list_refunds(self, stripe_id: str) -> list[RefundSnapshot]:
        """List every refund of a PaymentIntent, newest first; Stripe's lists are consistent at once."""
        refunds = self._list("/v1/refunds", {"payment_intent": stripe_id})
        return await _read_all(refunds, RefundSnapshot.parse)

    async def retrieve_account(self) -> AccountSnapshot:
        """Tell whose key this is, and what time it is at Stripe. Raises StripeMisconfigured when it is nobody's."""
        obj, headers = await self._call("get", "/v1/account", {})
        return AccountSnapshot.parse(obj, date=headers.get("date"))

    async def list_webhook_endpoints(self) -> list[WebhookEndpointSnapshot]:
        endpoints = self._list("/v1/webhook_endpoints", {})
        return [WebhookEndpointSnapshot.parse(obj) async for obj in endpoints]

    async def _payment_intent(
        self, method: str, path: str, params: Params, *, key: str | None = None
    ) -> PaymentIntentSnapshot:
        obj, headers = await self._call(method, path, params, key=key)
        try:
            snapshot = PaymentIntentSnapshot.parse(
                obj,
                is_replay=_is_replay(headers),
                request_id=headers.get("request-id"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StripeUnavailable from error
        self._secrets.remember(snapshot.id, obj.get("client_secret"))
        return snapshot

    async def _list(self, path: str, params: Params) -> AsyncIterator[Json]:
        cursor: dict[str, str] = {}
        while True:
            page, _ = await self._call("get", path, {**params, "limit": PAGE_SIZE, **cursor})
            for obj in page["data"]:
                yield obj
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}

    async def _call(
        self, method: str, path: str, params: Params, *, key: str | None = None
    ) -> tuple[Json, Mapping[str, str]]:
        options = {"idempotency_key": key} if key else {}
        try:
            async with asyncio.timeout(self._deadline):
                if self._pace is not None:
                    await self._pace.turn()
                response = await self._client.raw_request_async(method, path, **params, **options)
        except stripe.StripeError as error:
            raise _meaning(error) from None  # the cause holds Stripe's body, and that the client secret
        except (TimeoutError, aiohttp.ClientError) as error:
            # The library lets a connection that breaks while the body is read escape as aiohttp's own.
            raise StripeUnavailable from error
        if not isinstance(response.data, Mapping):
            raise StripeUnavailable
        return response.data, _lower(response.headers)


async def _read_all(objects: AsyncIterator[Json], parse: Callable[[Json], Snapshot]) -> list[Snapshot]:
    """Read a whole list; one that can't be read is an unknown answer. Raises StripeUnavailable."""
    try:
        return [parse(obj) async for obj in objects]
    except (KeyError, TypeError, ValueError) as error:
        raise StripeUnavailable from error


def _meaning(error: stripe.StripeError) -> Exception:
    """Tell a definite "no" from an outcome that is not known."""
    body: Json = error.json_body if isinstance(error.json_body, Mapping) else {}
    told: Json = body["error"] if isinstance(body.get("error"), Mapping) else {}
    match error:
        case stripe.AuthenticationError() | stripe.PermissionError():
            return StripeMisconfigured()
        case stripe.RateLimitError():
            return StripeUnavailable("Stripe limits this service's requests now. Send the same request again.")
        case stripe.IdempotencyError():
            return KeyTaken()
        case stripe.InvalidRequestError(http_status=HTTPStatus.NOT_FOUND):
            return StripeMisconfigured(
                "Stripe does not know what it made for this service: is the key another account's?"
            )
        case stripe.InvalidRequestError() | stripe.CardError():
            return _refusal(told, _lower(error.headers))
        case _:
            return StripeUnavailable()


def _lower(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _is_replay(headers: Mapping[str, str]) -> bool:
    return headers.get("idempotent-replayed") == "true"


def _refusal(told: Json, headers: Mapping[str, str]) -> Exception:
    if told.get("code") == "payment_intent_unexpected_state":
        return UnexpectedState(_attached(told, headers))
    return StripeRefused(
        f"Stripe refused the request: {told.get('message') or 'it gave no reason'}",
        stripe_code=told.get("code"),
        stripe_param=told.get("param"),
    )


def _attached(told: Json, headers: Mapping[str, str]) -> PaymentIntentSnapshot | None:
    try:
        return PaymentIntentSnapshot.parse(
            told["payment_intent"], is_replay=_is_replay(headers), request_id=headers.get("request-id")
        )
    except (KeyError, TypeError, AttributeError):
        return None


@asynccontextmanager
async def open_gateway(settings: Settings, *, is_background: bool = False) -> AsyncIterator[StripeGateway]:
    """Open the connections to Stripe, or to the stand-in that `STRIPE_API_BASE` names.

    In the background no more calls a second are made than the settings allow: shoppers need the rest of the limit.
    """
    pace = Pace(settings.background_calls_per_second) if is_background else None
    connector = aiohttp.TCPConnector(limit=settings.stripe_connections)
    session = aiohttp.ClientSession(connector=connector)
    timeout = aiohttp.ClientTimeout(total=settings.stripe_timeout.total_seconds())
    client = StripeClient(
        settings.stripe_secret_key.get_secret_value(),
        http_client=stripe.AIOHTTPClient(timeout=timeout, session=session),
        max_network_retries=MAX_NETWORK_RETRIES,
        base_addresses={"api": settings.stripe_api_base} if settings.stripe_api_base else {},
    )
    try:
        yield StripeGateway(
            client, deadline=settings.stripe_deadline, secret_lifetime=settings.client_secret_lifetime, pace=pace
        )
    finally:
        await session.close()

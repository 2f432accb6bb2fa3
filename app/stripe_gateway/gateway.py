"""Calls to Stripe. Each is bounded in time and ends in one of three ways.

- a snapshot: Stripe did it, or had done it before (`is_replay`);
- `StripeRefused`: Stripe refused, nothing was done;
- `StripeUnavailable`: the outcome is unknown; Stripe may have done it, or may still do it. When nothing was done, it is
  a `StripeNotReached`.

The library's raw requests are used. They do not build the library's objects, which take half of a call's time and show
client secrets in their repr. Source of the rules: docs.stripe.com/error-low-level.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from app.settings import Settings
from app.stripe_gateway.account import AccountSnapshot, WebhookEndpointSnapshot
from app.stripe_gateway.checkout import CheckoutSessions
from app.stripe_gateway.client import PAGE_SIZE, Params, StripeHttp, open_http
from app.stripe_gateway.client_secrets import ClientSecrets
from app.stripe_gateway.errors import PermissionMissing, StripeRefused, StripeUnavailable, UnknownObject
from app.stripe_gateway.event_list import EventPage, Window
from app.stripe_gateway.permissions import Permission
from app.stripe_gateway.retries import is_replay
from app.stripe_gateway.snapshots import (
    ChargeSnapshot,
    DisputeSnapshot,
    Json,
    PaymentIntentSnapshot,
    RefundSnapshot,
    read,
)

Snapshot = TypeVar("Snapshot")


class StripeGateway:
    """Stripe's API as this service uses it. Bound to one event loop: open it in the lifespan."""

    def __init__(self, http: StripeHttp, secrets: ClientSecrets) -> None:
        self._http = http
        self._secrets = secrets
        self.checkout = CheckoutSessions(http, secrets)

    def unhurried(self) -> "StripeGateway":
        """Return the same for calls that nobody waits for: in the background they let all others go first."""
        return StripeGateway(self._http.unhurried(), self._secrets)

    def client_secret(self, stripe_id: str) -> str | None:
        """Return the client secret if this process received it in the last minutes. If None, retrieve first.

        Of a Checkout Session that Stripe hosts it is the address of its page.
        """
        return self._secrets.get(stripe_id)

    async def create_payment_intent(self, params: Params, *, key: str) -> PaymentIntentSnapshot:
        """Create it, or return the first answer again when `key` was used before."""
        return await self._payment_intent("post", "/v1/payment_intents", params, key=key)

    async def retrieve_payment_intent(self, stripe_id: str) -> PaymentIntentSnapshot:
        return await self._payment_intent("get", f"/v1/payment_intents/{stripe_id}", {})

    async def update_payment_intent(self, stripe_id: str, params: Params, *, key: str) -> PaymentIntentSnapshot:
        """Update it. Raises UnexpectedState when its status no longer allows that."""
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}", params, key=key)

    async def cancel_payment_intent(self, stripe_id: str, *, reason: str | None, key: str) -> PaymentIntentSnapshot:
        """Cancel it. Raises UnexpectedState when it is canceled already, or paid."""
        params = {"cancellation_reason": reason} if reason else {}
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}/cancel", params, key=key)

    async def confirm_payment_intent(self, stripe_id: str, params: Params, *, key: str) -> PaymentIntentSnapshot:
        """Attempt to pay it. Raises Declined when the bank or Stripe declined it."""
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}/confirm", params, key=key)

    async def capture_payment_intent(self, stripe_id: str, *, amount: int, key: str) -> PaymentIntentSnapshot:
        """Capture an authorized amount, in minor units; the rest is released.

        Raises UnexpectedState when nothing is authorized.
        """
        params = {"amount_to_capture": amount}
        return await self._payment_intent("post", f"/v1/payment_intents/{stripe_id}/capture", params, key=key)

    async def find_payment_intent(
        self, *, metadata: Mapping[str, str], created_after: datetime, created_before: datetime | None
    ) -> PaymentIntentSnapshot | None:
        """Return the PaymentIntent with this metadata among all that were created in that time.

        It reads Stripe's list, which is consistent at once; Stripe's search is not. All pages share the deadline of
        one call, and StripeUnavailable is raised when the list does not end by then. That is time for some thirty
        pages, 3,000 PaymentIntents: for an account that makes more in that time, this always fails.
        """
        created = {"gte": int(created_after.timestamp())}
        if created_before is not None:
            created["lte"] = int(created_before.timestamp())
        try:
            async for obj in self._http.list_all("/v1/payment_intents", {"created": created}):
                if metadata.items() <= read.metadata(obj.get("metadata")).items():
                    return PaymentIntentSnapshot.parse(obj)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StripeUnavailable from error
        return None

    async def list_charges(self, stripe_id: str) -> list[ChargeSnapshot]:
        """List every attempt of a PaymentIntent that reached a Charge, newest first."""
        charges = self._http.list_all("/v1/charges", {"payment_intent": stripe_id})
        return await _read_all(charges, ChargeSnapshot.parse)

    async def list_disputes(self, stripe_id: str) -> list[DisputeSnapshot]:
        """List every dispute of a PaymentIntent, newest first."""
        disputes = self._http.list_all("/v1/disputes", {"payment_intent": stripe_id})
        return await _read_all(disputes, DisputeSnapshot.parse)

    async def page_of_events(self, window: Window, *, after: str | None) -> EventPage:
        """Return one page of the events in a window, newest first, starting after the event `after`.

        An event that can't be read is left out. Raises StripeRefused when Stripe no longer keeps the event `after`.
        """
        cursor = {"starting_after": after} if after else {}
        page, _ = await self._http.send("get", "/v1/events", {**window.params(), "limit": PAGE_SIZE, **cursor})
        try:
            return EventPage.parse(page)
        except (KeyError, TypeError, IndexError) as error:
            raise StripeUnavailable from error

    async def create_refund(self, params: Params, *, key: str) -> RefundSnapshot:
        """Refund, or return the first answer again when `key` was used before."""
        obj, headers = await self._http.send("post", "/v1/refunds", params, key=key)
        try:
            return RefundSnapshot.parse(obj, is_replay=is_replay(headers), request_id=headers.get("request-id"))
        except (KeyError, TypeError, ValueError) as error:
            raise StripeUnavailable from error

    async def list_refunds(self, stripe_id: str) -> list[RefundSnapshot]:
        """List every refund of a PaymentIntent, newest first; Stripe's lists are consistent at once."""
        refunds = self._http.list_all("/v1/refunds", {"payment_intent": stripe_id})
        return await _read_all(refunds, RefundSnapshot.parse)

    async def retrieve_account(self) -> AccountSnapshot:
        """Return the account of this key, and Stripe's time. Raises StripeMisconfigured when no account has the key."""
        obj, headers = await self._http.send("get", "/v1/account", {})
        return AccountSnapshot.parse(obj, date=headers.get("date"))

    async def why_not_permitted(self, permission: Permission) -> str | None:
        """Return Stripe's words if the key lacks this permission. Raises StripeMisconfigured for no key of Stripe's."""
        try:
            await self._http.send(permission.method, permission.path, permission.params)
        except PermissionMissing as error:
            return error.reason or error.detail
        except (StripeRefused, UnknownObject):
            return None
        return None

    async def list_webhook_endpoints(self) -> list[WebhookEndpointSnapshot]:
        endpoints = self._http.list_all("/v1/webhook_endpoints", {})
        return [WebhookEndpointSnapshot.parse(obj) async for obj in endpoints]

    async def _payment_intent(
        self, method: str, path: str, params: Params, *, key: str | None = None
    ) -> PaymentIntentSnapshot:
        obj, headers = await self._http.send(method, path, params, key=key)
        try:
            snapshot = PaymentIntentSnapshot.parse(
                obj,
                is_replay=is_replay(headers),
                request_id=headers.get("request-id"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StripeUnavailable from error
        self._secrets.remember(snapshot.id, obj.get("client_secret"))
        return snapshot


async def _read_all(objects: AsyncIterator[Json], parse: Callable[[Json], Snapshot]) -> list[Snapshot]:
    """Read a whole list. Raises StripeUnavailable when it can't be read."""
    try:
        return [parse(obj) async for obj in objects]
    except (KeyError, TypeError, ValueError) as error:
        raise StripeUnavailable from error


@asynccontextmanager
async def open_gateway(settings: Settings, *, is_background: bool = False) -> AsyncIterator[StripeGateway]:
    """Connect to Stripe.

    In the background, calls are limited to the rate that the settings allow: shoppers need the rest of Stripe's limit.
    """
    async with open_http(settings, is_background=is_background) as http:
        yield StripeGateway(http, ClientSecrets(settings.client_secret_lifetime))

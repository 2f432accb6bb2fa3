"""A client of the payments API, as far as a shop needs it.

PaymentsError
├── PaymentsUnavailable   the outcome is not known: send the same request again
├── PaymentsConflict      409: valid, but not allowed in the payment's current state; `code` says why
└── PaymentsRefused       the shop's own mistake (key, scope, content): sending it again changes nothing
    └── NoPaymentIntent   404: the cart has no PaymentIntent yet
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, SecretStr

from examples.shop.carts import CURRENCY, PRODUCTS, Cart
from examples.shop.settings import Settings

# The API may wait 20 seconds for Stripe before it answers. This client must wait longer than that.
TIMEOUT = httpx.Timeout(25, connect=3)
RETRY_AFTER = "2"

Channel = Literal["payment_intent", "elements", "hosted_page"]
"""What a cart is paid with: a PaymentIntent, or a Checkout Session in one of these modes."""


class PaymentsError(Exception):
    """The payments API did not do what was requested."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PaymentsUnavailable(PaymentsError):
    """The payments API can't say now; send the same request again."""

    def __init__(self, code: str, retry_after: str = RETRY_AFTER) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class PaymentsConflict(PaymentsError):
    """The payment's state does not allow it."""


class PaymentsRefused(PaymentsError):
    """The request itself is wrong."""


class NoPaymentIntent(PaymentsRefused):
    """The cart has no PaymentIntent yet."""


class NextAction(BaseModel):
    type: str
    expires_at: datetime | None
    amount_remaining: int | None


class CheckoutSession(BaseModel):
    url: SecretStr | None = None
    client_secret: SecretStr | None = None


class PaymentIntent(BaseModel):
    stripe_id: str | None
    status: str | None
    amount: int | None
    currency: str | None = None
    amount_refunded: int = 0
    amount_refundable: int = 0
    next_action: NextAction | None = None
    client_secret: SecretStr | None = None
    """Its type keeps it out of logs and reprs. It is never stored: it goes to the browser that pays."""
    checkout: CheckoutSession | None = None


class Attempt(BaseModel):
    attempted_at: datetime
    status: str
    amount: int
    currency: str
    payment_method_type: str | None = None
    card_brand: str | None
    card_last4: str | None
    failure_code: str | None
    message: str | None


class Refusal(BaseModel):
    detail: str


class Refund(BaseModel):
    status: str | None
    """None while the outcome is not known; `refused` when Stripe refused."""
    amount: int
    currency: str
    origin: str
    failure_reason: str | None
    refusal: Refusal | None
    created_at: datetime


class TimelineEntry(BaseModel):
    at: datetime
    headline: str
    sentence: str


class PaymentsApi:
    def __init__(self, settings: Settings) -> None:
        self._http = httpx.AsyncClient(
            base_url=settings.payments_api_url,
            headers={"Authorization": f"Bearer {settings.payments_api_key}"},
            timeout=TIMEOUT,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def put_payment_intent(self, cart: Cart) -> PaymentIntent:
        """State what the cart owes now. It is safe to send this again: the cart never has two PaymentIntents."""
        owed = {"amount": cart.total, "currency": CURRENCY, "cart_version": cart.version}
        return PaymentIntent.model_validate(await self._call("PUT", cart.id, "payment-intent", owed))

    async def put_checkout_session(self, cart: Cart, ui_mode: str, page: str) -> PaymentIntent:
        """State what the cart owes, to be paid in a Checkout Session; it takes the place of what was open before.

        `page` is where the shopper comes back to.
        """
        items = [
            {"name": product.name, "unit_amount": product.unit_price, "quantity": cart.quantities[product.id]}
            for product in PRODUCTS.values()
            if cart.quantities[product.id]
        ]
        owed = {"line_items": items, "currency": CURRENCY, "cart_version": cart.version, "ui_mode": ui_mode}
        places = {"return_url": f"{page}&returned=yes"} | ({"cancel_url": page} if ui_mode == "hosted_page" else {})
        return PaymentIntent.model_validate(await self._call("PUT", cart.id, "checkout-session", owed | places))

    async def create_checkout_token(self, cart_id: str) -> str:
        """Make a token with which the shopper's browser may call the payments API about this cart."""
        return str((await self._call("POST", cart_id, "checkout-token"))["token"])

    async def get_payment_intent(self, cart_id: str, *, is_sync: bool = False) -> PaymentIntent | None:
        """Read the payment's state, from Stripe if it is to be in sync; None before the first PUT."""
        path = "payment-intent?sync=true" if is_sync else "payment-intent"
        try:
            return PaymentIntent.model_validate(await self._call("GET", cart_id, path))
        except NoPaymentIntent:
            return None

    async def list_attempts(self, cart_id: str) -> list[Attempt]:
        """List the newest attempts to pay, newest first."""
        try:
            page = await self._call("GET", cart_id, "attempts")
        except NoPaymentIntent:
            return []
        return [Attempt.model_validate(attempt) for attempt in page["data"]]

    async def refund(self, cart_id: str, amount: int, *, key: str) -> Refund:
        """Refund an amount. It is safe to send this again with the same key: it returns the same refund's state."""
        try:
            refund = await self._call("POST", cart_id, "refunds", {"amount": amount}, {"Idempotency-Key": key})
        except PaymentsRefused as error:
            if error.code == "stripe_refused":  # not the shop's mistake: the payment is disputed, for example
                raise PaymentsConflict(error.code) from error
            raise
        return Refund.model_validate(refund)

    async def list_refunds(self, cart_id: str) -> list[Refund]:
        """List the newest refunds, newest first, including those made in Stripe's dashboard."""
        try:
            page = await self._call("GET", cart_id, "refunds")
        except NoPaymentIntent:
            return []
        return [Refund.model_validate(refund) for refund in page["data"]]

    async def read_timeline(self, cart_id: str) -> list[TimelineEntry]:
        """Read what happened to the cart's payments, oldest first."""
        try:
            page = await self._call("GET", cart_id, "timeline?limit=100")
        except NoPaymentIntent:
            return []
        return [TimelineEntry.model_validate(entry) for entry in page["data"]]

    async def _call(
        self,
        method: str,
        cart_id: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        try:
            answer = await self._http.request(
                method, f"/v1/carts/{quote(cart_id, safe='')}/{path}", json=body, headers=headers
            )
        except httpx.TransportError as error:
            raise PaymentsUnavailable("no_answer") from error
        if answer.is_success:
            return answer.json()
        raise _error(answer)


def _error(answer: httpx.Response) -> PaymentsError:
    try:
        code = str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):  # a proxy in between may answer with anything
        code = f"status_{answer.status_code}"
    if answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return PaymentsUnavailable(code, answer.headers.get("Retry-After", RETRY_AFTER))
    if answer.status_code == HTTPStatus.CONFLICT:
        return PaymentsConflict(code)
    return NoPaymentIntent(code) if code == "payment_intent_not_found" else PaymentsRefused(code)

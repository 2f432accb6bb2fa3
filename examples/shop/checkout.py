"""The API of the checkout page."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from examples.shop.carts import Cart, Carts
from examples.shop.payments_api import Channel, PaymentIntent, PaymentsApi, PaymentsConflict
from examples.shop.problems import CartChanged
from examples.shop.schemas import (
    AttemptRead,
    CartChange,
    CartRead,
    CheckoutRead,
    CheckoutTokenRead,
    HistoryRead,
    PaymentRead,
    PaymentStart,
)

router = APIRouter(prefix="/api/carts/{cart_id}")


def _carts(request: Request) -> Carts:
    carts: Carts = request.app.state.carts
    return carts


def _payments(request: Request) -> PaymentsApi:
    payments: PaymentsApi = request.app.state.payments
    return payments


CartsDependency = Annotated[Carts, Depends(_carts)]
PaymentsDependency = Annotated[PaymentsApi, Depends(_payments)]


async def _cart(cart_id: str, carts: CartsDependency) -> Cart:
    return carts.get(cart_id)


CartDependency = Annotated[Cart, Depends(_cart)]


async def _put(cart: Cart, channel: Channel, payments: PaymentsApi, request: Request) -> PaymentIntent:
    """State what the cart owes, by one channel: what another had open can't be paid any more."""
    if channel == "payment_intent":
        return await payments.put_payment_intent(cart)
    way = "checkout-elements" if channel == "elements" else "checkout-page"
    page = f"{request.url_for('show_cart', cart_id=cart.id)}?with={way}"
    return await payments.put_checkout_session(cart, channel, page)


@router.get("")
async def read_cart(cart: CartDependency, payments: PaymentsDependency, sync: bool = False) -> HistoryRead:
    """Read the cart, and its payment and attempts from the payments API; with `sync`, it asks Stripe first."""
    intent, attempts = await asyncio.gather(
        payments.get_payment_intent(cart.id, is_sync=sync), payments.list_attempts(cart.id)
    )
    return HistoryRead(
        cart=CartRead.of(cart),
        payment=PaymentRead.of(intent) if intent else None,
        attempts=[AttemptRead.of(attempt) for attempt in attempts],
    )


@router.patch("")
async def change_cart(
    request: Request, cart: CartDependency, params: CartChange, carts: CartsDependency, payments: PaymentsDependency
) -> CheckoutRead:
    """Change quantities and update the payment. Without quantities, update the payment to the cart as it is.

    After a 503 the cart is changed, but the payment may not be: send the same request again.
    """
    changed = carts.change(cart.id, params.quantities)
    try:
        intent = await _put(changed, params.channel, payments, request)
    except PaymentsConflict:
        carts.undo(changed, before=cart)  # paid, or about to be: the cart must stay what is paid for
        raise
    return CheckoutRead.of(changed, intent)


@router.post("/payment")
async def start_payment(
    request: Request, cart: CartDependency, params: PaymentStart, carts: CartsDependency, payments: PaymentsDependency
) -> CheckoutRead:
    """Check, when the shopper clicks on Pay, that the payment is for what they see. Raises CartChanged."""
    intent = await _put(cart, params.channel, payments, request)
    version_after_wait = carts.get(cart.id).version  # another tab may have changed the cart meanwhile
    if params.version != cart.version or cart.version != version_after_wait:
        raise CartChanged
    return CheckoutRead.of(cart, intent)


@router.post("/checkout-token")
async def create_checkout_token(cart: CartDependency, payments: PaymentsDependency) -> CheckoutTokenRead:
    """Make a token with which the page asks the payments API itself to confirm."""
    return CheckoutTokenRead(token=await payments.create_checkout_token(cart.id))

"""The API of the checkout page."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from examples.shop.carts import Cart, Carts
from examples.shop.payments_api import PaymentsApi, PaymentsConflict
from examples.shop.problems import CartChanged
from examples.shop.schemas import (
    AttemptRead,
    CartChange,
    CartRead,
    CheckoutRead,
    HistoryRead,
    PaymentRead,
    PaymentStart,
    PaymentStartRead,
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


@router.get("")
async def read_cart(cart: CartDependency, payments: PaymentsDependency) -> HistoryRead:
    """Read the cart, and its payment and attempts from the payments API."""
    intent, attempts = await asyncio.gather(payments.get_payment_intent(cart.id), payments.list_attempts(cart.id))
    return HistoryRead(
        cart=CartRead.of(cart),
        payment=PaymentRead.of(intent) if intent else None,
        attempts=[AttemptRead.of(attempt) for attempt in attempts],
    )


@router.patch("")
async def change_cart(
    cart: CartDependency, params: CartChange, carts: CartsDependency, payments: PaymentsDependency
) -> CheckoutRead:
    """Change quantities and update the payment. Without quantities, update the payment to the cart as it is.

    After a 503 the cart is changed, but the payment may not be: send the same request again.
    """
    changed = carts.change(cart.id, params.quantities)
    try:
        intent = await payments.put_payment_intent(changed)
    except PaymentsConflict:
        carts.undo(changed, before=cart)  # paid, or about to be: the cart must stay what is paid for
        raise
    return CheckoutRead(cart=CartRead.of(changed), payment=PaymentRead.of(intent))


@router.post("/payment")
async def start_payment(
    cart: CartDependency, params: PaymentStart, carts: CartsDependency, payments: PaymentsDependency
) -> PaymentStartRead:
    """Return the client secret to pay for what the shopper sees; null when there is nothing left to pay.

    It is fetched for each payment, so that nobody has to store it. Raises CartChanged.
    """
    intent = await payments.put_payment_intent(cart)
    version_after_wait = carts.get(cart.id).version  # another tab may have changed the cart meanwhile
    if params.version != cart.version or cart.version != version_after_wait:
        raise CartChanged
    secret = intent.client_secret.get_secret_value() if intent.client_secret else None
    return PaymentStartRead(cart=CartRead.of(cart), payment=PaymentRead.of(intent), client_secret=secret)

"""What the page asks of the backend."""

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
    """Read the cart, its payment and what was tried, as the payments API knows it."""
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
    """Change quantities and let the payment follow. No quantities: let it follow what the cart holds.

    After a 503 the cart is changed, but perhaps not the payment: the same request sent again makes it so.
    """
    changed = carts.change(cart.id, params.quantities)
    try:
        intent = await payments.put_payment_intent(changed)
    except PaymentsConflict:
        carts.undo(changed, before=cart)  # paid, or about to be: the order stays what was paid for
        raise
    return CheckoutRead(cart=CartRead.of(changed), payment=PaymentRead.of(intent))


@router.post("/payment")
async def start_payment(
    cart: CartDependency, params: PaymentStart, carts: CartsDependency, payments: PaymentsDependency
) -> PaymentStartRead:
    """Hand out the client secret to pay what the shopper sees; null when there is nothing left to pay.

    It is fetched for each payment, so that nobody has to keep it. Raises CartChanged.
    """
    intent = await payments.put_payment_intent(cart)
    if not params.version == cart.version == carts.get(cart.id).version:  # also after the wait: there are other tabs
        raise CartChanged
    secret = intent.client_secret.get_secret_value() if intent.client_secret else None
    return PaymentStartRead(cart=CartRead.of(cart), payment=PaymentRead.of(intent), client_secret=secret)

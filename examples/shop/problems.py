"""Answer errors to the page as `{"code": …}`. The page has the sentences for shoppers."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from examples.shop.carts import CartEmpty, CartNotFound
from examples.shop.payments_api import PaymentsConflict, PaymentsRefused, PaymentsUnavailable

log = logging.getLogger(__name__)


class CartChanged(Exception):
    """The cart is no longer what the page shows: the shopper must see the new total first."""


def _problem(status: int, code: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"code": code}, status_code=status, headers=headers)


def add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(CartNotFound)
    async def cart_not_found(_: Request, __: CartNotFound) -> JSONResponse:
        return _problem(404, "cart_not_found")

    @app.exception_handler(CartEmpty)
    async def cart_empty(_: Request, __: CartEmpty) -> JSONResponse:
        return _problem(422, "cart_empty")

    @app.exception_handler(CartChanged)
    async def cart_changed(_: Request, __: CartChanged) -> JSONResponse:
        return _problem(409, "cart_changed")

    @app.exception_handler(PaymentsConflict)
    async def conflict(_: Request, error: PaymentsConflict) -> JSONResponse:
        return _problem(409, error.code)

    @app.exception_handler(PaymentsUnavailable)
    async def unavailable(_: Request, error: PaymentsUnavailable) -> JSONResponse:
        return _problem(503, "payments_unavailable", {"Retry-After": error.retry_after})

    @app.exception_handler(PaymentsRefused)
    async def refused(_: Request, error: PaymentsRefused) -> JSONResponse:
        log.error("The payments API refused our request: %s", error.code)  # no shopper can correct this
        return _problem(500, "payments_refused")

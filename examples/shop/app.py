"""Build the shop's application: pages, their API, error handlers and headers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from standardwebhooks import Webhook

from examples.shop import checkout, notifications, staff
from examples.shop.carts import CartNotFound, Carts
from examples.shop.orders import Orders
from examples.shop.payments_api import PaymentsApi
from examples.shop.problems import add_error_handlers
from examples.shop.security import security_headers
from examples.shop.settings import Settings

STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.payments = PaymentsApi(settings)
        yield
        await app.state.payments.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.state.carts = Carts()
    app.state.orders = Orders()
    secret = settings.payments_webhook_secret
    app.state.webhook = Webhook(secret) if secret else None
    app.state.staff_password = settings.staff_password
    app.state.staff_page = (STATIC / "staff.html").read_text(encoding="utf-8")
    app.include_router(checkout.router)
    app.include_router(staff.router)
    app.include_router(notifications.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    _add_pages(app, _page(settings))
    add_error_handlers(app)
    _add_headers(app, security_headers(settings.stripe_js_url, settings.payments_api_url))
    return app


def _page(settings: Settings) -> str:
    """Return the checkout page. It is the same for all carts; its script fetches what differs."""
    template = Template((STATIC / "checkout.html").read_text(encoding="utf-8"))
    return template.substitute(
        publishable_key=escape(settings.stripe_publishable_key),
        stripe_js_url=escape(settings.stripe_js_url),
        payments_api_url=escape(settings.payments_api_url),
    )


def _add_pages(app: FastAPI, page: str) -> None:
    carts: Carts = app.state.carts

    @app.get("/")
    async def open_cart(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""  # how the shopper pays
        return RedirectResponse(f"/carts/{carts.open().id}{query}", status_code=303)

    @app.get("/carts/{cart_id}")
    async def show_cart(cart_id: str) -> Response:
        try:
            carts.get(cart_id)
        except CartNotFound:  # the shop was restarted, for example: start with a new cart
            return RedirectResponse("/", status_code=303)
        return HTMLResponse(page)

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "ok"}


def _add_headers(app: FastAPI, headers: dict[str, str]) -> None:
    @app.middleware("http")
    async def add(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        # Carts change and answers carry client secrets, so they are never stored. Scripts and styles may be stored, but
        # must be checked before they are used again.
        is_static = request.url.path.startswith("/static/")
        response.headers["Cache-Control"] = "no-cache" if is_static else "no-store"
        response.headers.update(headers)
        return response

"""The API is put together here, and nowhere else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import __version__
from app.auth.access import Access, open_access
from app.auth.router import router as checkout_tokens
from app.http import openapi, problems
from app.http.cors import CheckoutCors
from app.http.health import router as health
from app.http.request_limits import RequestLimits
from app.http.request_log import RequestLog
from app.http.security_headers import DOCS_PATH, SecurityHeaders
from app.payment_intents.router import moves
from app.payment_intents.router import router as payment_intents
from app.refunds.router import router as refunds
from app.resources import Resources, open_resources
from app.settings import Settings
from app.webhooks.event_batcher import EventBatcher
from app.webhooks.router import PATH as WEBHOOK_PATH
from app.webhooks.router import router as webhooks

DESCRIPTION = """\
Exactly one Stripe PaymentIntent for each cart or customer session, and the whole history of attempts to pay it.

Amounts are integers in minor units, times are RFC 3339 in UTC. Errors are problem details (RFC 9457) with a stable
`code`. A 503 says that nothing is known to have failed: send the same request again after `Retry-After`."""


# In the order in which a reader wants them; the routes stand in the order in which requests look for them.
TAGS = ["PaymentIntents", "Refunds", "Checkout tokens", "Webhooks", "Health"]


class State(TypedDict):
    """What a request finds in `request.state`."""

    resources: Resources
    access: Access
    batcher: EventBatcher


def create_app(settings: Settings) -> FastAPI:
    """Put the API together."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_resources(settings) as resources, open_access(resources) as access:
            yield {"resources": resources, "access": access, "batcher": EventBatcher(resources)}

    app = FastAPI(
        title="Payments",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_tags=[{"name": name} for name in TAGS],
        docs_url=DOCS_PATH if settings.has_docs else None,
        openapi_url="/openapi.json" if settings.has_docs else None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        middleware=_middleware(settings),
    )
    problems.install(app)
    for router in (webhooks, payment_intents, moves, refunds, checkout_tokens, health):  # looked through in this order
        app.include_router(router)
    openapi.install(app)
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    """Name what surrounds the requests, from the outside in. Who forwards requests is believed only if configured."""
    return [
        Middleware(SecurityHeaders),
        Middleware(RequestLog),
        Middleware(ProxyHeadersMiddleware, trusted_hosts=[str(each) for each in settings.trusted_proxies]),
        Middleware(CheckoutCors, origins=settings.cors_origins),
        Middleware(
            RequestLimits,
            headers=settings.max_header_bytes,
            body=settings.max_body_bytes,
            bodies={WEBHOOK_PATH: settings.max_webhook_bytes},
            depth=settings.max_json_depth,
        ),
    ]

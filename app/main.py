"""The API is put together here, and nowhere else."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypedDict

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from app import __version__
from app.auth.access import Access, open_access
from app.auth.router import router as checkout_tokens
from app.checkout_sessions.router import router as checkout_sessions
from app.disputes.router import router as disputes
from app.domain_events.router import router as events
from app.domain_events.watching import EventWatcher
from app.figures.writing import writing
from app.http import docs_page, openapi, problems
from app.http.health import router as health
from app.http.middleware import HttpMiddleware
from app.http.request_limits import BodyReader
from app.notifications.router import router as notifications
from app.payment_intents.list_router import router as payment_intent_lists
from app.payment_intents.router import moves
from app.payment_intents.router import router as payment_intents
from app.refunds.router import router as refunds
from app.resources import Resources, open_resources
from app.search.router import router as search
from app.settings import Settings
from app.timeline.router import router as timeline
from app.webhooks.event_batcher import EventBatcher
from app.webhooks.router import PATH as WEBHOOK_PATH
from app.webhooks.router import answer_event
from app.webhooks.router import router as webhooks

DESCRIPTION = """\
Exactly one Stripe PaymentIntent for each cart or customer session, and the whole history of attempts to pay it.

Amounts are integers in minor units, times are RFC 3339 in UTC. Errors are problem details (RFC 9457) with a stable
`code`. A 503 says that nothing is known to have failed: send the same request again after `Retry-After`."""


# In the order in which a reader wants them; the routes stand in the order in which requests look for them.
TAGS = ["PaymentIntents", "Refunds", "Disputes", "Events", "Notifications", "Checkout tokens", "Webhooks", "Health"]


# In the order in which requests look through them.
ROUTERS = (
    webhooks,
    payment_intents,
    checkout_sessions,
    moves,
    refunds,
    timeline,
    events,
    notifications,
    payment_intent_lists,
    disputes,
    search,
    checkout_tokens,
    health,
)


class State(TypedDict):
    """What a request finds in `request.state`."""

    resources: Resources
    access: Access
    batcher: EventBatcher
    bodies: BodyReader
    event_watcher: EventWatcher
    on_shutdown: Callable[[], None]


def create_app(settings: Settings) -> FastAPI:
    """Put the API together."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with (
            open_resources(settings) as resources,
            open_access(resources) as access,
            writing(resources.database),
            aclosing(EventWatcher(resources.database)) as event_watcher,
        ):
            yield {
                "resources": resources,
                "access": access,
                "batcher": EventBatcher(resources),
                "bodies": bodies,
                "event_watcher": event_watcher,
                "on_shutdown": event_watcher.stop,
            }

    bodies = BodyReader()
    app = FastAPI(
        title="Payments",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_tags=[{"name": name} for name in TAGS],
        docs_url=None,  # it would be a page of other hosts' scripts
        openapi_url="/openapi.json" if settings.has_docs else None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # a twentieth of a request, and nobody's choice
        redirect_slashes=False,  # a redirect would name the host that the request named
        middleware=[Middleware(HttpMiddleware, settings=settings, bodies=bodies, direct={WEBHOOK_PATH: answer_event})],
    )
    problems.install(app)
    for router in ROUTERS:
        _add_routes(app, router)
    if settings.has_console:
        _add_console(app, settings)
    openapi.install(app, is_served=settings.has_docs)
    if settings.has_docs:
        docs_page.install(app)
    return app


def _add_routes(app: FastAPI, router: APIRouter) -> None:
    """Add a router's routes as they are: a router inside a router is looked through twice for each request."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name
        app.router.routes.append(route)


def _add_console(app: FastAPI, settings: Settings) -> None:
    """Add the console's pages; what only they need is loaded here, a twentieth of a process's memory."""
    from app.console.oidc import OpenIdProvider  # noqa: PLC0415 - see above
    from app.console.router import ROUTERS as CONSOLE  # noqa: PLC0415 - see above

    app.state.openid_provider = OpenIdProvider(settings)
    for router in CONSOLE:
        _add_routes(app, router)

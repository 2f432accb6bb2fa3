"""All routes of the console."""

from fastapi import APIRouter
from starlette.responses import Response

from app.console import actions, find, live, now, payment, sign_in, worklist
from app.console.access import Support
from app.console.pages import static_file
from app.console.route import ConsoleRoute
from app.errors import NotFound

_rest = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)


@_rest.get("/static/{name}")
async def get_static_file(name: str) -> Response:
    """Serve a file of the pages' own; it is the same for all."""
    return static_file(name)


@_rest.get("/{rest:path}")
async def show_nothing(_: Support) -> Response:
    """Say that there is no such page."""
    raise NotFound("There is no page at this address.")


# In the order in which requests look through them.
ROUTERS = (
    find.router,
    worklist.router,
    now.router,
    live.router,
    payment.router,
    actions.router,
    sign_in.router,
    sign_in.sign_out,
    _rest,
)

"""Sign in, and out again."""

import re
import secrets
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.console import sessions
from app.console.access import Support, session_of
from app.console.errors import SignInFailed
from app.console.forms import read_form
from app.console.oidc import OpenIdProvider, SignIn
from app.console.pages import COOKIE, drop_cookie, go_to, render, set_cookie
from app.console.route import ConsoleRoute
from app.errors import NotFound
from app.resources import ResourcesDependency

router = APIRouter(prefix="/console/sign-in", route_class=ConsoleRoute, include_in_schema=False)

SIGN_IN_COOKIE = "__Host-console-sign-in"
SIGN_IN_SECONDS = 600

# A page of ours, to come back to: no other host, and nothing that a browser takes for one.
PAGE = re.compile(r"/console(?:[/?][A-Za-z0-9/?&=%._~:+-]*)?")
MAX_PAGE = 500

Next = Annotated[str, Query(max_length=MAX_PAGE)]


def own_page(path: str) -> str:
    """Return the path if it is a page of the console, else the first page."""
    is_page = PAGE.fullmatch(path) is not None and ".." not in path
    return path if is_page and not path.startswith("/console/sign-in") else "/console"


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def provider_of(request: Request) -> OpenIdProvider:
    provider: OpenIdProvider = request.app.state.openid_provider
    return provider


@router.get("")
async def sign_in_page(request: Request, next_: Annotated[str, Query(alias="next", max_length=2000)] = "") -> Response:
    """Show where to sign in."""
    context = {"next": own_page(next_[:MAX_PAGE]), "is_set_up": provider_of(request).is_set_up}
    return render(request, "sign_in.html", context, session=await session_of(request))


@router.get("/start")
async def start_sign_in(request: Request, next_: Annotated[str, Query(alias="next", max_length=2000)] = "") -> Response:
    """Send the browser to the provider, with a cookie that makes sure that it is this one that comes back."""
    provider = provider_of(request)
    if not provider.is_set_up:
        raise NotFound("Signing in is not set up here.")
    provider.count_attempt(_address(request))
    sign_in = SignIn(secrets.token_urlsafe(32))
    response = go_to(await provider.address(sign_in))
    set_cookie(response, SIGN_IN_COOKIE, f"{sign_in.secret}|{quote(own_page(next_), safe='')}", seconds=SIGN_IN_SECONDS)
    return response


@router.get("/callback")
async def finish_sign_in(
    request: Request,
    resources: ResourcesDependency,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Take the provider's answer and open a session. The cookie of the sign-in is good for one answer."""
    provider = provider_of(request)
    secret, _, next_ = unquote(request.cookies.get(SIGN_IN_COOKIE, "")).partition("|")
    if not provider.is_set_up or not secret or not code:
        raise SignInFailed(reason="the answer has no code, or the browser no sign-in under way")
    sign_in = SignIn(secret)
    if not secrets.compare_digest(state.encode(), sign_in.state.encode()):
        raise SignInFailed(reason="the answer's state is not that of this browser's sign-in")
    provider.count_attempt(_address(request))
    person = await provider.finish(sign_in, code)
    if (before := await session_of(request)) is not None:
        await sessions.revoke(resources.database, before.id)
    settings = resources.settings
    cookie = await sessions.open_session(resources.database, person, lifetime=settings.console_session_lifetime)
    response = go_to(own_page(next_))
    set_cookie(response, COOKIE, cookie)
    drop_cookie(response, SIGN_IN_COOKIE)
    return response


@router.get("/link")
async def use_link(
    request: Request, resources: ResourcesDependency, token: Annotated[str, Query(max_length=200)]
) -> Response:
    """Sign in once with the link that `make run` prints; in development alone."""
    settings = resources.settings
    if settings.environment != "development":
        raise NotFound
    lifetime = settings.console_session_lifetime
    cookie = await sessions.use_link(resources.database, token, lifetime=lifetime)
    if cookie is None:
        if await session_of(request) is not None:
            return go_to("/console")  # the same browser, again
        raise SignInFailed("This link was used already, or is over. `python -m app console link` prints a new one.")
    response = go_to("/console")
    set_cookie(response, COOKIE, cookie)
    return response


sign_out = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)


@sign_out.post("/sign-out")
async def end_session(request: Request, session: Support, resources: ResourcesDependency) -> Response:
    """End this session, here and not only in the browser."""
    await read_form(request, session)
    await sessions.revoke(resources.database, session.id)
    response = go_to("/console/sign-in")
    drop_cookie(response, COOKIE)
    return response

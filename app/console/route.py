"""A route of the console: its errors are pages too, and who is not signed in is led to the sign-in."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.console.errors import SignInRequired
from app.console.pages import COOKIE, go_to, render, set_cookie
from app.console.sessions import Session
from app.errors import PaymentsError, ValidationFailed


class ConsoleRoute(APIRoute):
    """Answers with pages alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except RequestValidationError:
                error: PaymentsError = ValidationFailed("Something in the address or form is not valid.")
                response = error_page(request, error)
            except SignInRequired as error:
                response = to_sign_in(request) if request.method == "GET" else error_page(request, error)
            except PaymentsError as error:
                response = error_page(request, error)
            return renew_cookie(request, response)

        return answer


def renew_cookie(request: Request, response: Response) -> Response:
    """Set the browser's next cookie with whatever answer it is that this request gets."""
    session: Session | None = getattr(request.state, "console_session", None)
    is_set = any(line.startswith(f"{COOKIE}=") for line in response.headers.getlist("set-cookie"))
    if session is not None and session.new_secret is not None and not is_set:
        set_cookie(response, COOKIE, session.new_secret)
    return response


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in, and back to this page afterwards."""
    query = request.scope["query_string"].decode("ascii", "replace")
    wanted = request.scope["path"] + (f"?{query}" if query else "")
    return go_to(f"/console/sign-in?next={quote(wanted, safe='')}")


def error_page(request: Request, error: PaymentsError) -> Response:
    """Return an error as a page, with its own status. It needs no database: that may be what is missing."""
    request.scope.setdefault("state", {})["problem"] = error  # for the request's line in the log
    session: Session | None = getattr(request.state, "console_session", None)
    context = {"error": error, "request_id": request.scope["state"].get("request_id")}
    response = render(request, "error.html", context, session=session, status=error.status)
    response.headers.update(error.headers)
    return response

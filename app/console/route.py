"""A route of the console: its errors are pages too, and who is not signed in is led to the sign-in."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.console.access import session_of
from app.console.errors import SignInRequired
from app.console.pages import go_to, render
from app.errors import PaymentsError, ValidationFailed


class ConsoleRoute(APIRoute):
    """Answers with pages alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError:
                return await error_page(request, ValidationFailed("Something in the address or form is not valid."))
            except SignInRequired as error:
                return to_sign_in(request) if request.method == "GET" else await error_page(request, error)
            except PaymentsError as error:
                return await error_page(request, error)

        return answer


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in, and back to this page afterwards."""
    query = request.scope["query_string"].decode("ascii", "replace")
    wanted = request.scope["path"] + (f"?{query}" if query else "")
    return go_to(f"/console/sign-in?next={quote(wanted, safe='')}")


async def error_page(request: Request, error: PaymentsError) -> Response:
    """Return an error as a page, with its own status."""
    request.scope.setdefault("state", {})["problem"] = error  # for the request's line in the log
    session = await session_of(request)
    context = {"error": error, "request_id": request.scope["state"].get("request_id")}
    response = render(request, "error.html", context, session=session, status=error.status)
    response.headers.update(error.headers)
    return response

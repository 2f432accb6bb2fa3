"""How a control's body is read, and which callers are refused.

A page of another origin may not call it: whoever runs a browser beside the sandbox must not find it reset.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.control_api.bodies import Body
from sandbox.errors import ApiError

BAD_REQUEST, FORBIDDEN = 400, 403

_Body = TypeVar("_Body", bound=Body)


async def read(request: Request, kind: type[_Body]) -> _Body:
    return kind.model_validate_json(await request.body() or b"{}")


Handler = Callable[[Request], Awaitable[Response]]


def guarded(handler: Handler) -> Handler:
    """Refuse pages of other origins, and say plainly what is wrong with a request."""

    @functools.wraps(handler)
    async def checked(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
            return JSONResponse({"error": "Not from another origin."}, status_code=FORBIDDEN)
        try:
            return await handler(request)
        except ValidationError as error:
            errors: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": errors}, status_code=BAD_REQUEST)
        except ApiError as error:
            return JSONResponse(error.body(), status_code=error.status)

    return checked

"""Who may call what: each router asks for the scope it needs by type."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.auth.api_keys import Caller, Scope, find_caller
from app.errors import Forbidden, Unauthorized
from app.resources import ResourcesDependency

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="An API key of a backend service: `Authorization: Bearer pay_…`.",
)


async def authenticate(
    resources: ResourcesDependency,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """Find who sent the request. Raises Unauthorized."""
    if credentials is None:
        raise Unauthorized
    async with resources.sessions() as session:
        caller = await find_caller(session, credentials.credentials)
    if caller is None:
        raise Unauthorized
    return caller


def requires(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """Make a dependency that gives the caller if its key has the scope. Raises Forbidden."""

    async def permitted(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
        if scope not in caller.scopes:
            raise Forbidden(f"This operation needs the scope {scope}.", scope=scope)
        return caller

    return permitted


PaymentsRead = Annotated[Caller, Depends(requires("payments:read"))]
PaymentsWrite = Annotated[Caller, Depends(requires("payments:write"))]
RefundsWrite = Annotated[Caller, Depends(requires("refunds:write"))]

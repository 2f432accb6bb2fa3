"""Who may call what: each router asks for the right it needs by type."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.auth.access import AccessDependency, Credential
from app.auth.api_keys import Caller
from app.auth.checkout_tokens import CheckoutGrant
from app.auth.scopes import Scope
from app.errors import Forbidden, Unauthorized
from app.references.path import ReferencePath

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="An API key of a backend service: `Authorization: Bearer pay_…`.",
)

# Only for the OpenAPI document: `authenticate` reads the same header for both.
checkout_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="CheckoutToken",
    bearerFormat="JWT",
    description="A checkout token, for a shopper's browser: 15 minutes, one cart or session.",
)


async def authenticate(
    request: Request,
    access: AccessDependency,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Credential:
    """Find who sent the request. Raises Unauthorized or TooManyRequests."""
    if credentials is None:
        raise Unauthorized
    address = request.client.host if request.client else "unknown"
    return await access.admit(credentials.credentials, address)


Authenticated = Annotated[Credential, Depends(authenticate)]


def requires(scope: Scope) -> Callable[[Authenticated], Awaitable[Caller]]:
    """Make a dependency that gives the caller if its key has the scope. Raises Forbidden."""

    async def permitted(credential: Authenticated) -> Caller:
        if isinstance(credential, CheckoutGrant):
            raise Forbidden("A checkout token only reads the state and fetches the client secret.", scope=scope)
        if scope not in credential.scopes:
            raise Forbidden(f"This operation needs the scope {scope}.", scope=scope)
        return credential

    return permitted


def requires_or_token(scope: Scope) -> Callable[..., Awaitable[Credential]]:
    """Make a dependency that lets in who has the scope, or a checkout token for this very reference."""
    by_key = requires(scope)

    async def permitted(
        reference: ReferencePath,
        credential: Authenticated,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(checkout_bearer)],
    ) -> Credential:
        if isinstance(credential, Caller):
            return await by_key(credential)
        if credential.reference != reference:
            raise Forbidden("This checkout token is for another cart or session.")
        return credential

    return permitted


PaymentsRead = Annotated[Caller, Depends(requires("payments:read"))]
PaymentsWrite = Annotated[Caller, Depends(requires("payments:write"))]
RefundsWrite = Annotated[Caller, Depends(requires("refunds:write"))]
StateRead = Annotated[Credential, Depends(requires_or_token("payments:read"))]
SecretRead = Annotated[Credential, Depends(requires_or_token("payments:write"))]

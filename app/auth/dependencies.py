"""Who may call what: each router asks for the right it needs by type.

Each right is one dependency, which reads the header and the path itself: FastAPI's resolving of a chain of them took
longer than the rest of a request.
"""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app.auth.access import Access, Credential
from app.auth.api_keys import Caller
from app.auth.scopes import Scope
from app.errors import Forbidden, Unauthorized
from app.references.path import reference_in

# How the OpenAPI document names and describes the two.
API_KEY = HTTPBearer(description="An API key of a backend service: `Authorization: Bearer pay_…`.")
CHECKOUT_TOKEN = HTTPBearer(
    bearerFormat="JWT", description="A checkout token, for a shopper's browser: 15 minutes, one cart or session."
)

# For an operation that takes either: `openapi_extra` adds the second.
OR_CHECKOUT_TOKEN: dict[str, Any] = {"security": [{"CheckoutToken": []}]}


async def authenticate(request: Request) -> Credential:
    """Return who sent the request. Raises Unauthorized or TooManyRequests."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise Unauthorized
    access: Access = request.state.access
    return await access.authenticate(credential, request.client.host if request.client else "unknown")


class KeyWithScope(SecurityBase):
    """Accepts an API key that has the scope. Raises Unauthorized, Forbidden or TooManyRequests."""

    model = API_KEY
    scheme_name = "ApiKey"

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(self, request: Request) -> Caller:
        return self._permitted(await authenticate(request))

    def _permitted(self, credential: Credential) -> Caller:
        if not isinstance(credential, Caller):
            raise Forbidden("A checkout token only reads the state and fetches the client secret.", scope=self._scope)
        if self._scope not in credential.scopes:
            raise Forbidden(f"This operation needs the scope {self._scope}.", scope=self._scope)
        return credential


class KeyOrToken(KeyWithScope):
    """Accepts an API key that has the scope, or a checkout token for this very reference."""

    async def __call__(self, request: Request) -> Credential:  # type: ignore[override] # FastAPI looks at this one alone
        credential = await authenticate(request)
        if isinstance(credential, Caller):
            return self._permitted(credential)
        if credential.reference != reference_in(request.path_params):
            raise Forbidden("This checkout token is for another cart or session.")
        return credential


PaymentsRead = Annotated[Caller, Depends(KeyWithScope("payments:read"))]
PaymentsWrite = Annotated[Caller, Depends(KeyWithScope("payments:write"))]
RefundsWrite = Annotated[Caller, Depends(KeyWithScope("refunds:write"))]
Admin = Annotated[Caller, Depends(KeyWithScope("admin"))]
EventsRead = Annotated[Caller, Depends(KeyWithScope("events:read"))]
StateRead = Annotated[Credential, Depends(KeyOrToken("payments:read"))]
SecretRead = Annotated[Credential, Depends(KeyOrToken("payments:write"))]

"""A credential that proves nothing."""

from collections.abc import Mapping

from app.errors import Unauthorized


class InvalidCredential(Unauthorized):
    """The API key or checkout token is not valid: unknown, wrong, revoked or expired."""

    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="payments", error="invalid_token"'}

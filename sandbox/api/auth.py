"""Who calls: the server with the secret key, or a browser with the publishable key and a client secret."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.account import Account
from sandbox.api.forms import Form
from sandbox.api.permissions import masked
from sandbox.errors import InvalidParamError

_NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
    "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details."
)
_NOT_PUBLISHABLE = (
    "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your "
    "API keys at https://dashboard.stripe.com/account/apikeys."
)
UNAUTHORIZED = 401


@dataclass(frozen=True)
class Caller:
    key: str
    is_publishable: bool = False


def identify(account: Account, headers: Mapping[str, str], form: Form) -> Caller:
    """Return whose key it is; a browser's script sends the publishable one as a parameter.

    Raise InvalidParamError (401) for a missing or wrong key.
    """
    config = account.config
    key = _from_header(headers.get("authorization", ""))
    in_form = form.pop("key", None)
    key = key or (in_form if isinstance(in_form, str) else "")
    if not key:
        raise InvalidParamError(_NO_KEY, status=UNAUTHORIZED)
    if _is(key, config.secret_key, "sk_test_") or key in account.restricted_keys:
        return Caller(key)
    if _is(key, config.publishable_key, "pk_test_"):
        return Caller(key, is_publishable=True)
    raise InvalidParamError(f"Invalid API Key provided: {masked(key)}", status=UNAUTHORIZED)


def not_publishable() -> InvalidParamError:
    return InvalidParamError(_NOT_PUBLISHABLE, code="secret_key_required", status=UNAUTHORIZED)


def _from_header(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is(key: str, expected: str | None, prefix: str) -> bool:
    if expected is None:
        return key.startswith(prefix)
    return hmac.compare_digest(key.encode(), expected.encode())

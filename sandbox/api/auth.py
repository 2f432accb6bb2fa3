"""Who calls: the server with the secret key, or a browser with the publishable key and a client secret."""

import base64
import binascii
import hmac
from collections.abc import Mapping

from sandbox.api.forms import Form
from sandbox.config import SandboxConfig
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


def is_publishable(config: SandboxConfig, headers: Mapping[str, str], form: Form) -> bool:
    """Whether the caller has the publishable key; a browser's script sends it as a parameter.

    Raise InvalidParamError (401) for a missing or wrong key.
    """
    key = _from_header(headers.get("authorization", ""))
    in_form = form.pop("key", None)
    key = key or (in_form if isinstance(in_form, str) else "")
    if not key:
        raise InvalidParamError(_NO_KEY, status=UNAUTHORIZED)
    if _is(key, config.secret_key, "sk_test_"):
        return False
    if _is(key, config.publishable_key, "pk_test_"):
        return True
    raise InvalidParamError(f"Invalid API Key provided: {_masked(key)}", status=UNAUTHORIZED)


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


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * len(key)  # noqa: PLR2004  enough to hide

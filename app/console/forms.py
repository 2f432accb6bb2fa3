"""Read what a page's form sent; each form carries a token that only this session's pages have."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from app.console.errors import FormExpired, MalformedForm
from app.console.sessions import Session

MAX_FIELDS = 20


async def read_form(request: Request, session: Session) -> Mapping[str, str]:
    """Return the fields of a form, each once. Raises FormExpired or MalformedForm.

    The token is for this path and for the form's `key`: it is of no use with another.
    """
    fields = _parse(await request.body())
    path, key = request.scope["path"], fields.get("key", "")
    if not session.is_form_token(fields.get("token", ""), path, key):
        raise FormExpired
    return fields


def _parse(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise MalformedForm from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or any("\0" in value for value in fields.values()):
        raise MalformedForm
    return fields

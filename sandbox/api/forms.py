"""Stripe's form encoding: `a[b][c]=v` is a nested object, `a[0]=v` and `a[]=v` are lists.

A list comes out as the object `{"0": v}`: only the schema knows that a list is meant (`metadata[0]` is none).
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.errors import InvalidParamError

Form = dict[str, Any]

MAX_FIELDS = 1_000
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY = re.compile(r"\[([^\[\]]*)\]")


def parse(encoded: str) -> Form:
    """Read a query string or a body; every value is a string or a dict of them."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise InvalidParamError("Invalid request: the parameters are not form-encoded as expected.") from None
    form: Form = {}
    for name, value in pairs:
        if "[" in name:
            _place(form, name, value)
        else:
            form[name] = value
    return form


def _place(form: Form, name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidParamError(f"Invalid request: the parameter name {name[:100]!r} is not well formed.")
    node = form
    *keys, last = [match[1], *_KEY.findall(match[2])]
    for key in keys:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise InvalidParamError(f"Invalid request: {match[1]} is both a value and an object.", param=match[1])
    node[str(len(node)) if last == "" else last] = value

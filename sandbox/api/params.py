"""The kinds of parameters that the sandbox implements: a schema is a table from name to kind.

A request has passed the check against Stripe's own list (`stripe_params.py`) before it comes here. What the schema
does not name is known to Stripe and not to the sandbox: it answers 501. A kind takes the name as the caller wrote it
(`shipping[address][city]`) and the raw value, and returns the value. An empty string unsets: its value is None.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.api.stripe_params import check_not_empty, listed, missing_param, path_of
from sandbox.errors import InvalidParamError, NotImplementedHereError

Kind = Callable[[str, Any], Any]
Schema = Mapping[str, Kind]

MAX_STRING = 5_000
MAX_METADATA_PAIRS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def check(schema: Schema, raw: Mapping[str, Any], required: Iterable[str] = (), inside: str = "") -> dict[str, Any]:
    """Return the values of the parameters; raise NotImplementedHereError for one that the schema does not name."""
    for name in required:
        if name not in raw:
            raise missing_param(path_of(inside, name))
    for name in raw:
        if name not in schema:
            path = path_of(inside, name)
            raise NotImplementedHereError(f"the parameter {path}", param=path)
    return {name: schema[name](path_of(inside, name), value) for name, value in raw.items()}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidParamError(f"Invalid string: {name} is not a string.", param=name)
    return value


def _not_empty(name: str, value: Any) -> str:
    text = _text(name, value)
    check_not_empty(name, text)
    return text


def string(name: str, value: Any) -> str | None:
    text = _text(name, value)
    if len(text) > MAX_STRING:
        message = f"Invalid string: {text[:10]}...{text[-10:]}; must be at most {MAX_STRING} characters"
        raise InvalidParamError(message, code="parameter_invalid_string_too_long", param=name)
    return text or None


def required_string(name: str, value: Any) -> str:
    _not_empty(name, value)
    return string(name, value) or ""


def integer(name: str, value: Any) -> int:
    text = _not_empty(name, value)
    if not _INTEGER.fullmatch(text):
        raise InvalidParamError(f"Invalid integer: {text[:40]}", code="parameter_invalid_integer", param=name)
    return int(text)


def amount(name: str, value: Any) -> int:
    number = integer(name, value)
    if number < 1:
        message = "This value must be greater than or equal to 1."
        raise InvalidParamError(message, code="parameter_invalid_integer", param=name)
    return number


def boolean(name: str, value: Any) -> bool:
    text = _not_empty(name, value)
    if text not in {"true", "false"}:
        raise InvalidParamError(f"Invalid boolean: {text[:40]}", param=name)
    return text == "true"


def one_of(*choices: str, unset: bool = False) -> Kind:
    def kind(name: str, value: Any) -> str | None:
        if unset and value == "":
            return None
        text = _not_empty(name, value)
        if text not in choices:
            raise InvalidParamError(f"Invalid {name}: must be one of {listed(choices)}", param=name)
        return text

    return kind


def hash_of(schema: Schema, required: Iterable[str] = ()) -> Kind:
    def kind(name: str, value: Any) -> dict[str, Any] | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise InvalidParamError("Invalid object", param=name)
        return check(schema, value, required, inside=name)

    return kind


def list_of(item: Kind) -> Kind:
    def kind(name: str, value: Any) -> list[Any]:
        if value == "":
            return []
        if not (isinstance(value, dict) and all(index.isdecimal() for index in value)):
            raise InvalidParamError("Invalid array", param=name)
        return [item(f"{name}[{index}]", value[index]) for index in sorted(value, key=int)]

    return kind


def metadata(name: str, value: Any) -> dict[str, str]:
    """Return the pairs to merge; an empty value removes its key, `metadata=""` all of them."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict):
        raise InvalidParamError("Invalid object", param=name)
    for key, text in value.items():
        _check_pair(name, key, text)
    return value


def _check_pair(name: str, key: str, text: Any) -> None:
    if not isinstance(text, str):
        raise InvalidParamError("Metadata values must be strings, but for key " + key[:40], param=f"{name}[{key}]")
    if len(key) > MAX_METADATA_KEY:
        raise InvalidParamError(f"Metadata keys can have up to {MAX_METADATA_KEY} characters.", param=name)
    if len(text) > MAX_METADATA_VALUE:
        message = (
            f"Metadata values can have up to {MAX_METADATA_VALUE} characters, "
            f"but you passed in a value that is {len(text)} characters."
        )
        raise InvalidParamError(message, param=f"{name}[{key}]")


def merged(old: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Merge metadata as an update does."""
    kept = {} if "" in changes else dict(old)
    result = {key: value for key, value in {**kept, **changes}.items() if value != ""}
    if len(result) > MAX_METADATA_PAIRS:
        raise InvalidParamError(f"Metadata can have up to {MAX_METADATA_PAIRS} keys.", param="metadata")
    return result


def names(kind: Kind, listed: str) -> dict[str, Kind]:
    """Return a schema in which each of the space-separated names has the same kind."""
    return dict.fromkeys(listed.split(), kind)


TIMESTAMPS: Kind = hash_of(names(integer, "gt gte lt lte"))


def created(name: str, value: Any) -> dict[str, int]:
    """Read `created=1` or `created[gte]=1` as bounds."""
    if isinstance(value, str):
        return {"gte": integer(name, value), "lte": integer(name, value)}
    bounds: dict[str, int] = TIMESTAMPS(name, value)
    return bounds


EXPAND: Schema = {"expand": list_of(required_string)}
PAGING: Schema = {
    **EXPAND,
    "limit": integer,
    **names(required_string, "starting_after ending_before"),
}

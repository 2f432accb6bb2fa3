"""The kinds of parameters, and how each is refused. A schema is a table from name to kind.

A kind takes the name as the caller wrote it (`shipping[address][city]`) and the raw value, and gives the value.
An empty string unsets: it gives None, unless the parameter cannot be unset.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.errors import InvalidParamError, NotImplementedHereError

Kind = Callable[[str, Any], Any]
Schema = Mapping[str, Kind]

MAX_STRING = 5_000
MAX_METADATA_PAIRS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_EMPTY = (
    "You passed an empty string for '{0}'. We assume empty values are an attempt to unset a parameter; however "
    "'{0}' cannot be unset. You should remove '{0}' from your request or supply a non-empty value."
)


def check(schema: Schema, raw: Mapping[str, Any], required: Iterable[str] = (), inside: str = "") -> dict[str, Any]:
    """Check the parameters against the schema; name each unknown one."""
    unknown = [_path(inside, name) for name in raw if name not in schema]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise InvalidParamError(message, code="parameter_unknown", param=unknown[0])
    for name in required:
        if name not in raw:
            path = _path(inside, name)
            raise InvalidParamError(f"Missing required param: {path}.", code="parameter_missing", param=path)
    return {name: schema[name](_path(inside, name), value) for name, value in raw.items()}


def _path(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidParamError(f"Invalid string: {name} is not a string.", param=name)
    return value


def _not_empty(name: str, value: Any) -> str:
    text = _text(name, value)
    if not text:
        raise InvalidParamError(_EMPTY.format(name), code="parameter_invalid_empty", param=name)
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
    listed = ", ".join(choices[:-1]) + f", or {choices[-1]}" if len(choices) > 1 else choices[0]

    def kind(name: str, value: Any) -> str | None:
        if unset and value == "":
            return None
        text = _not_empty(name, value)
        if text not in choices:
            raise InvalidParamError(f"Invalid {name}: must be one of {listed}", param=name)
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


def unsupported(name: str, value: Any) -> Any:  # noqa: ARG001  every kind has the same signature
    """Refuse a parameter that Stripe takes and the sandbox does not."""
    raise NotImplementedHereError(f"the parameter {name}", param=name)


def ignored(name: str, value: Any) -> Any:  # noqa: ARG001  every kind has the same signature
    """Take a parameter that changes nothing here, such as a browser's fingerprints."""
    return value


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

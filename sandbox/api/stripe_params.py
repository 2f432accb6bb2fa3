"""Stripe's own list of parameters, and the check of a request against it.

`stripe_params.json` names each operation as Stripe's OpenAPI document does (`POST /v1/refunds/{refund}`), and for each
parameter of it:

is        the types that it can have: `object`, `array`, `integer`, `boolean`, `number`, `string`, and `empty` where an
          empty string is allowed. `string:max 22` has a greatest length, `string:a|b` is an enum (`string:|a|b` an
          enum in which the empty string is a value).
required  whether it must be given.
of        the parameters inside an object, or inside each object of an array, in the same form.
names     the names inside an object of which nothing else is noted.

`python -m sandbox.dev.make_stripe_params` makes the file.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import InvalidParamError

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?")
_EMPTY = (
    "You passed an empty string for '{0}'. We assume empty values are an attempt to unset a parameter; however "
    "'{0}' cannot be unset. You should remove '{0}' from your request or supply a non-empty value."
)


@dataclass(frozen=True)
class Text:
    """A string with a greatest length, or one of the `choices` of an enum."""

    max_length: int | None = None
    choices: tuple[str, ...] = ()

    def check(self, path: str, text: str) -> None:
        if self.choices and text not in self.choices:
            raise InvalidParamError(f"Invalid {path}: must be one of {listed(self.choices)}", param=path)
        if self.max_length is not None and len(text) > self.max_length:
            message = f"Invalid string: {text[:10]}...{text[-10:]}; must be at most {self.max_length} characters"
            raise InvalidParamError(message, code="parameter_invalid_string_too_long", param=path)


@dataclass(frozen=True)
class Param:
    types: frozenset[str]
    texts: tuple[Text, ...] = ()
    is_required: bool = False
    is_empty_allowed: bool = False
    children: "Mapping[str, Param] | None" = None
    """The parameters inside an object or each item of an array; None where any is taken, as in `metadata`."""

    def check(self, path: str, value: Any) -> None:
        """Raise InvalidParamError unless the value has one of the types."""
        if value == "":
            check_not_empty(path, value, is_allowed=self.is_empty_allowed)
        elif isinstance(value, dict):
            self._check_nested(path, value)
        else:
            self._check_scalar(path, value)

    def _check_nested(self, path: str, value: dict[str, Any]) -> None:
        if "array" in self.types and all(key.isdecimal() for key in value):
            for index, item in value.items():
                self._check_item(path_of(path, index), item)
            return
        if "object" not in self.types:
            raise _wrong_type(path, "array" if "array" in self.types else min(self.types))
        if self.children is not None:
            check_params(self.children, value, inside=path)

    def _check_item(self, path: str, item: Any) -> None:
        if self.children is None:
            return
        if not isinstance(item, dict):
            raise _wrong_type(path, "object")
        check_params(self.children, item, inside=path)

    def _check_scalar(self, path: str, text: str) -> None:
        scalars = self.types - {"object", "array"}
        if not scalars:
            raise _wrong_type(path, "object" if "object" in self.types else "array")
        if ("integer" in scalars and _INTEGER.fullmatch(text)) or ("number" in scalars and _NUMBER.fullmatch(text)):
            return
        if "boolean" in scalars and text in {"true", "false"}:
            return
        if not self.texts:
            raise _wrong_type(path, min(scalars), text)
        for kind in self.texts:
            kind.check(path, text)


def check_not_empty(path: str, value: Any, *, is_allowed: bool = False) -> None:
    """Raise InvalidParamError for an empty string, which means "unset this", where nothing can be unset."""
    if value == "" and not is_allowed:
        raise InvalidParamError(_EMPTY.format(path), code="parameter_invalid_empty", param=path)


def check_params(
    params: Mapping[str, Param], given: Mapping[str, Any], *, unchecked: Iterable[str] = (), inside: str = ""
) -> None:
    """Raise InvalidParamError for the first parameter that Stripe would refuse; `unchecked` ones may be empty."""
    unknown = [path_of(inside, name) for name in given if name not in params]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise InvalidParamError(message, code="parameter_unknown", param=unknown[0])
    for name, param in params.items():
        if param.is_required and name not in given:
            raise missing_param(path_of(inside, name))
    for name, value in given.items():
        if value != "" or name not in unchecked:
            params[name].check(path_of(inside, name), value)


def missing_param(path: str) -> InvalidParamError:
    return InvalidParamError(f"Missing required param: {path}.", code="parameter_missing", param=path)


def path_of(inside: str, name: str) -> str:
    """Return the name of a parameter as the caller writes it: `shipping[name]`."""
    return f"{inside}[{name}]" if inside else name


def listed(choices: tuple[str, ...]) -> str:
    named = [choice for choice in choices if choice]
    return ", ".join(named[:-1]) + f", or {named[-1]}" if len(named) > 1 else named[0]


def _wrong_type(path: str, kind: str, text: str = "") -> InvalidParamError:
    if kind in {"object", "array"}:
        return InvalidParamError(f"Invalid {kind}", param=path)
    if kind == "string":
        return InvalidParamError(f"Invalid string: {path} is not a string.", param=path)
    code = "parameter_invalid_integer" if kind == "integer" else None
    return InvalidParamError(f"Invalid {kind}: {text[:40]}", code=code, param=path)


def _read(params: Mapping[str, Any]) -> dict[str, Param]:
    return {name: _param(entry) for name, entry in params.items()}


def _param(entry: Mapping[str, Any]) -> Param:
    texts = tuple(_text(kind) for kind in entry["is"] if kind.startswith("string"))
    types = [kind.partition(":")[0] for kind in entry["is"]]
    return Param(
        types=frozenset(types) - {"empty"},
        texts=texts,
        is_required=entry.get("required", False),
        is_empty_allowed="empty" in types or any("" in text.choices for text in texts),
        children=_children(entry, is_one_of_several=types.count("object") > 1),
    )


def _children(entry: Mapping[str, Any], *, is_one_of_several: bool) -> Mapping[str, Param] | None:
    """Read what is inside an object; of several forms (a card's number or its token) no part is required."""
    if "names" in entry:
        return dict.fromkeys(entry["names"], ANYTHING)
    if "of" not in entry:
        return None
    of = entry["of"]
    return _read({name: {**part, "required": False} for name, part in of.items()} if is_one_of_several else of)


def _text(kind: str) -> Text:
    max_length, choices = None, tuple[str, ...]()
    for part in kind.split(":")[1:]:
        if part.startswith("max "):
            max_length = int(part.removeprefix("max "))
        else:
            choices = tuple(part.split("|"))
    return Text(max_length, choices)


ANYTHING = Param(frozenset({"object", "array", "string"}), texts=(Text(),), is_empty_allowed=True)
"""A parameter of which only the name is known."""


def load(path: Path) -> dict[tuple[str, str], dict[str, Param]]:
    """Return the parameters of each operation, by its method and its path with `:id` for the id."""
    operations = json.loads(path.read_text())["operations"]
    found = {}
    for name, params in operations.items():
        method, _, url = name.partition(" ")
        found[method, re.sub(r"\{\w+\}", ":id", url)] = _read(params)
    return found


STRIPE_PARAMS = load(Path(__file__).with_suffix(".json"))
STRIPE_PARAMS["POST", "/v1/confirmation_tokens"] = dict.fromkeys(
    (
        *STRIPE_PARAMS["POST", "/v1/test_helpers/confirmation_tokens"],
        *("client_context", "mandate_data", "set_as_default_payment_method", "use_stripe_sdk"),
    ),
    ANYTHING,
)
"""Only Stripe's script calls this, and Stripe documents nothing of it."""

"""Write `sandbox/api/stripe_params.json`: every parameter of the operations that the sandbox knows of.

    python -m sandbox.dev.make_stripe_params EXTRACT.json

EXTRACT.json holds what Stripe's OpenAPI document (github.com/stripe/openapi, openapi/spec3.json) says, in the format
that `sandbox/api/stripe_params.py` describes: `{"version": …, "operations": {"POST /v1/refunds": {"amount": …}}}`.
The document can be older than the API version that the installed stripe library pins. So the parameters that only the
library knows are added, with the types that it gives them, and so are the values of enums that only it knows. The file
itself is a valid EXTRACT.json: after an upgrade of the library, run this on it again.
"""

import inspect
import json
import re
import sys
import typing
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import stripe
import stripe.params
import stripe.params.checkout
import stripe.params.test_helpers

TARGET = Path(__file__).parents[1] / "api" / "stripe_params.json"
SOURCE = "https://github.com/stripe/openapi/blob/master/openapi/spec3.json"
_REQUEST = re.compile(r'"(get|post|delete)",\s*"(/v1[^"]*)"')
_PARAMS = re.compile(r'params: (?:Optional\[)?\s*"(\w+)"')
_METHOD = re.compile(r"\n    (?:async )?def ")
_UNRESOLVED = {"StripeContext": object, "UploadFile": object, "Mapping": Mapping}
"""The library imports these for type checkers only; what they stand for does not matter here."""
_SCALARS = {int: "integer", bool: "boolean", float: "number", str: "string"}


def main(extract: Path) -> None:
    given = json.loads(extract.read_text())
    operations = with_library(given["operations"])
    head = {"source": SOURCE, "version": given["version"], "library": f"stripe {version('stripe')}"}
    lines = [f"  {json.dumps(name)}: {json.dumps(params, sort_keys=True)}" for name, params in operations.items()]
    start = json.dumps(head, indent=1).removesuffix("\n}")
    TARGET.write_text(start + ',\n "operations": {\n' + ",\n".join(lines) + "\n }\n}\n")


def with_library(operations: dict[str, Any]) -> dict[str, Any]:
    """Return the operations with the parameters and values that only the installed library knows."""
    known = library_params()
    return {name: _merged(params, known.get(shape_of(name), {})) for name, params in operations.items()}


def _merged(params: dict[str, Any], hints: dict[str, Any]) -> dict[str, Any]:
    merged = {name: _with_card(name, param) for name, param in params.items()}
    for name, hint in hints.items():
        param = merged.setdefault(name, {"is": _types(hint)})
        values = {value for kind in _types(hint) for value in _values(kind)}
        merged[name] = {**param, "is": [_with_values(kind, values) for kind in param["is"]]}
    return merged


def _with_card(name: str, param: dict[str, Any]) -> dict[str, Any]:
    """Add `payment_method_data[card]`, which Stripe takes (its script sends it) and its document leaves out."""
    if name != "payment_method_data":
        return param
    return {**param, "names": sorted({*param["names"], "card"})}


def _values(kind: str) -> set[str]:
    """Return the values of an enum; the empty set for any other type."""
    texts = (part for part in kind.split(":")[1:] if not part.startswith("max "))
    return {value for text in texts for value in text.split("|")}


def _with_values(kind: str, more: set[str]) -> str:
    values = _values(kind)
    return kind.replace("|".join(sorted(values)), "|".join(sorted(values | more))) if values else kind


def shape_of(operation: str) -> str:
    """Return `POST /v1/refunds/{}`: libraries and documents name the id in the path differently."""
    return re.sub(r"\{[^}]*\}", "{}", operation)


def library_params() -> dict[str, dict[str, Any]]:
    """Return the parameters of each operation in the installed library, with their Python types."""
    own = stripe.RequestOptions.__annotations__  # which every TypedDict of parameters inherits
    found: dict[str, dict[str, Any]] = {}
    for path in Path(inspect.getfile(stripe)).parent.rglob("_*_service.py"):
        for method in _METHOD.split(path.read_text())[1:]:
            request, params = _REQUEST.search(method), _PARAMS.search(method)
            kind = params and _class(params[1])
            if request and kind:
                hints = typing.get_type_hints(kind, localns=_UNRESOLVED)
                operation = shape_of(f"{request[1].upper()} {request[2]}")
                found[operation] = {name: hint for name, hint in hints.items() if name not in own}
    return found


def _class(name: str) -> Any:
    places = (stripe.params, stripe.params.checkout, stripe.params.test_helpers)
    return next((found for place in places if (found := getattr(place, name, None)) is not None), None)


def _types(hint: Any) -> list[str]:
    options = typing.get_args(hint) if typing.get_origin(hint) is typing.Union else (hint,)
    return [_type(option) for option in options]


def _type(option: Any) -> str:
    origin = typing.get_origin(option)
    if origin is typing.Literal:
        values = typing.get_args(option)
        return "empty" if values == ("",) else f"string:{'|'.join(sorted(values))}"
    if origin is list:
        return "array"
    return _SCALARS.get(option, "object")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

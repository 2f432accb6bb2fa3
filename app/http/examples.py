"""An example of a right value for a field of a request, as the OpenAPI document has it."""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
Location = Sequence[str | int]

# Where a schema gives no example, its kind does.
_BY_FORMAT = {
    "date-time": "2026-11-27T09:30:00Z",
    "uuid": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
}
_BY_TYPE: Mapping[str, Any] = {"boolean": True, "object": {}, "array": []}
_OF_BODIES = {"body"}


def example_of(document: Schema, operation: Schema, location: Location) -> Any:
    """Return a right value for what pydantic's location names; None where there is no such field."""
    place, *path = location
    if place in _OF_BODIES:
        schema = _body_of(operation)
        return None if schema is None else _example_in(document, schema, path)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == place and path and parameter["name"].lower() == str(path[0]).lower():
            return parameter.get("example", _example(document, parameter["schema"]))
    return None


def _body_of(operation: Schema) -> Schema | None:
    contents = operation.get("requestBody", {}).get("content", {})
    return next((content["schema"] for content in contents.values()), None)


def _example_in(document: Schema, schema: Schema, path: Location) -> Any:
    """Follow a path into a body; a key or value that the caller made up has the example of its kind."""
    if not path:
        return _example(document, schema)
    resolved = _resolved(document, schema)
    name = str(path[0])
    if name in resolved.get("properties", {}):
        return _example_in(document, resolved["properties"][name], path[1:])
    if "additionalProperties" in resolved and len(path) > 1 and path[1] == "[key]":
        return _example(document, resolved["propertyNames"])
    if isinstance(resolved.get("additionalProperties"), Mapping):
        return _example(document, resolved["additionalProperties"])
    return None


def _example(document: Schema, schema: Schema) -> Any:
    own = _given(schema)
    if own is not None:
        return own
    resolved = _resolved(document, schema)
    given = _given(resolved)
    if given is not None:
        return given
    if "properties" in resolved:
        required = resolved.get("required", ())
        return {name: _example(document, resolved["properties"][name]) for name in required}
    if resolved.get("type") == "integer":
        return resolved.get("minimum", resolved.get("exclusiveMinimum", 0) + 1)
    return _BY_FORMAT.get(resolved.get("format", ""), _BY_TYPE.get(resolved.get("type", "")))


def _given(schema: Schema) -> Any:
    """Return what the schema itself says."""
    for values in (schema.get("examples"), schema.get("enum")):
        if values:
            return values[0]
    return schema.get("const", schema.get("default"))


def _resolved(document: Schema, schema: Schema) -> Schema:
    """Follow references, and of alternatives take the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        else:
            return schema

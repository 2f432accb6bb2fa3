"""Whatever is wrong with a field, the answer names it, says its rule in words, and shows a value that is right."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple, get_args

import httpx

from app.auth.scopes import Scope
from app.http import rules
from app.http.examples import example_of
from sandbox.client import SandboxClient
from tests.conftest import NewKey

Json = dict[str, Any]

# What no field takes, or only some: each field refuses at least one of these.
WRONG: tuple[Any, ...] = (None, True, -1, 0.5, 10**30, "", "\x00", "\u202e", "x" * 5000, [], {}, [{}], {"\x00": {}})

# A rule in words has none of these.
UNREADABLE = re.compile(r"[\\^$|]|\[|\{[0-9]|\(\?|pydantic|valid (string|integer|dictionary)|input|unable to parse")


class Field(NamedTuple):
    method: str
    path: str
    operation: Json
    location: tuple[str, ...]
    schema: Json

    @property
    def name(self) -> str:
        return f"{self.operation['operationId']} {'.'.join(self.location)}"


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
    return schema


def _fields_in(document: Json, schema: Json, location: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    for name, each in _resolved(document, schema).get("properties", {}).items():
        yield (*location, name), each
        yield from _fields_in(document, each, (*location, name))


def _fields(document: Json) -> Iterator[Field]:
    """Yield every parameter and every field of every body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for each in operation.get("parameters", ()):
                yield Field(method, path, operation, (each["in"], each["name"]), each["schema"])
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for location, schema in _fields_in(document, content["schema"], ("body",)):
                    yield Field(method, path, operation, location, schema)


def _patterns(document: Json) -> set[str]:
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("pattern"), str):
                found.add(value["pattern"])
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            look(each)

    look(document)
    return found


def test_every_pattern_of_the_document_has_its_words(document: Json) -> None:
    patterns = _patterns(document)
    assert len(patterns) > 10
    for pattern in patterns:
        assert UNREADABLE.search(rules.words_of(pattern)) is None


def test_every_field_has_an_example_that_fits_its_pattern(document: Json) -> None:
    for field in _fields(document):
        schema = _resolved(document, field.schema)
        example = example_of(document, field.operation, field.location)
        assert example is not None, field.name
        if "pattern" in schema:
            assert re.search(schema["pattern"], example), field.name
        if "enum" in schema:
            assert example in schema["enum"], field.name


def _request(field: Field, document: Json, value: Any) -> Json:
    """Return the request of an operation with one field's value in the place of its example."""
    given: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for each in field.operation.get("parameters", ()):
        if each.get("required"):
            given[each["in"]][each["name"]] = example_of(document, field.operation, (each["in"], each["name"]))
    has_body = "requestBody" in field.operation
    body: Any = deepcopy(example_of(document, field.operation, ("body",))) if has_body else None
    if field.location[0] == "body":
        at = body
        for name in field.location[1:-1]:
            at = at.setdefault(name, {})
        at[field.location[-1]] = value
    else:
        given[field.location[0]][field.location[1]] = value
    path = re.sub(
        r"{(\w+)}", lambda match: httpx.URL("/").join(str(given["path"][match[1]])).path.lstrip("/"), field.path
    )
    headers = {name: str(each) for name, each in given["header"].items()}
    return {"method": field.method, "url": path, "params": given["query"], "headers": headers, "json": body}


async def test_each_answer_names_the_field_and_says_the_rule_with_an_example(
    api: httpx.AsyncClient, sandbox: SandboxClient, new_key: NewKey, document: Json
) -> None:
    api.headers["Authorization"] = f"Bearer {await new_key(*get_args(Scope))}"
    refused: dict[str, bool] = {}
    for field in _fields(document):
        if field.operation["operationId"] == "receive_event" or field.location[0] in {"header", "path"}:
            continue  # Stripe's own; those that can't carry every value have tests of their own
        refused.setdefault(field.name, False)
        for value in WRONG:
            request = _request(field, document, value)
            if field.location[0] == "query" and (isinstance(value, dict | list) or value is None):
                continue
            answer = await api.request(**request)
            assert answer.status_code < 500, (field.name, value)
            if answer.status_code != 422 or answer.json()["code"] != "validation_failed":
                continue
            refused[field.name] = True
            for error in answer.json()["errors"]:
                assert UNREADABLE.search(error["message"]) is None, (field.name, error)
                assert error["message"][0].isupper(), (field.name, error)
                assert error["message"].endswith("."), (field.name, error)
                if error["field"] == ".".join(field.location).removeprefix("body."):
                    assert "example" in error, (field.name, error)
    assert [
        name for name, is_refused in refused.items() if not is_refused and not name.endswith((".q", ".after"))
    ] == []


async def test_a_wrong_currency_is_told_with_a_right_one(api: httpx.AsyncClient) -> None:
    answer = await api.put("/v1/carts/c1/payment-intent", json={"amount": 1, "currency": "euro"})
    [error] = answer.json()["errors"]
    assert error == {
        "field": "currency",
        "code": "string_pattern_mismatch",
        "message": "Must be three letters, a currency's code of ISO 4217.",
        "example": "eur",
    }


def test_what_pydantic_says_of_a_kind_that_nobody_thought_of_is_told_as_it_is() -> None:
    assert rules.explain({"type": "new_kind", "msg": "Input is odd"}) == "Input is odd."


def test_one_and_many_are_counted_right() -> None:
    told = [rules.explain({"type": "too_long", "ctx": {"max_length": number}}) for number in (1, 2)]
    assert told == ["Must have at most 1 entry.", "Must have at most 2 entries."]

"""Every parameter of every operation is held against Stripe's own list, and none is accepted without an effect."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from sandbox.api.operation import Operation
from sandbox.api.stripe_params import STRIPE_PARAMS, Param
from sandbox.app import OPERATIONS
from sandbox.config import SandboxConfig
from sandbox.dev.make_stripe_params import library_params, shape_of
from tests.sandbox.running import SECRET_KEY, running

IMPLEMENTED = {(operation.method, operation.path): operation for operation in OPERATIONS}
NAMES = sorted(IMPLEMENTED)
STRIPE_ONLY = sorted(set(STRIPE_PARAMS) - set(IMPLEMENTED))
BAD_REQUEST, NOT_IMPLEMENTED = 400, 501


def _id_of(name: tuple[str, str]) -> str:
    return " ".join(name)


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    with (
        running(SandboxConfig(secret_key=SECRET_KEY)) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
    ):
        yield client


def ask(http: httpx.Client, name: tuple[str, str], params: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send the parameters; return the status and the error."""
    method, path = name
    encoded = urlencode([pair for key, value in params.items() for pair in _pairs(key, value)])
    url = path.replace(":id", "x_1")
    answer = http.post(url, content=encoded) if method == "POST" else http.request(method, f"{url}?{encoded}")
    return answer.status_code, answer.json().get("error", {})


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    return [pair for key, part in value.items() for pair in _pairs(f"{name}[{key}]", part)]


def sample(param: Param) -> Any:
    """Return a value of the right type, as small as can be."""
    if "object" in param.types:
        return _sample_inside(param) or {"0": "x"}
    if "array" in param.types:
        return {"0": _sample_inside(param) or "x"}
    if param.texts:
        return next((choice for choice in param.texts[0].choices if choice), "x")
    return {"integer": "1", "boolean": "true", "number": "1.5"}[min(param.types)]


def _sample_inside(param: Param) -> dict[str, Any]:
    children = param.children or {}
    needed = [name for name, child in children.items() if child.is_required] or list(children)[:1]
    return {name: sample(children[name]) for name in needed}


def required(params: dict[str, Param]) -> dict[str, Any]:
    return {name: sample(param) for name, param in params.items() if param.is_required}


def wrong(param: Param) -> Iterator[tuple[Any, str | None]]:
    """Return values that Stripe refuses, each with the code of the refusal; None is any code."""
    if not param.is_empty_allowed:
        yield "", "parameter_invalid_empty"
    if not param.types & {"object", "array"}:
        yield {"0": "x"}, None
    scalars = param.types - {"object", "array"}
    if not scalars:
        yield "x", None
    for text in param.texts if len(scalars) == 1 else ():
        if text.choices:
            yield "no such value", None
        elif text.max_length is not None:
            yield "x" * (text.max_length + 1), "parameter_invalid_string_too_long"
    if scalars and "string" not in scalars:
        yield "x", "parameter_invalid_integer" if scalars == {"integer"} else None


@pytest.mark.parametrize("name", NAMES, ids=_id_of)
def test_what_stripe_knows_and_the_sandbox_does_not_is_501_and_named(http: httpx.Client, name: tuple[str, str]) -> None:
    params, operation = STRIPE_PARAMS[name], IMPLEMENTED[name]
    for param in sorted(set(params) - set(operation.schema)):
        status, error = ask(http, name, {**required(params), param: sample(params[param])})
        assert (status, error.get("code")) == (NOT_IMPLEMENTED, "sandbox_not_implemented"), param
        assert error["param"] in ({param} | set(required(params)) - set(operation.schema))


@pytest.mark.parametrize("name", NAMES, ids=_id_of)
def test_a_wrong_type_value_or_length_is_refused_and_named(http: httpx.Client, name: tuple[str, str]) -> None:
    params = STRIPE_PARAMS[name]
    for param, entry in params.items():
        for value, code in wrong(entry):
            status, error = ask(http, name, {**required(params), param: value})
            assert status == BAD_REQUEST, (param, value)
            assert error["param"] == param
            assert code in {None, error.get("code")}, (param, value, error)


@pytest.mark.parametrize("name", NAMES, ids=_id_of)
def test_an_unknown_parameter_and_a_missing_one_are_refused(http: httpx.Client, name: tuple[str, str]) -> None:
    params = STRIPE_PARAMS[name]
    status, error = ask(http, name, {**required(params), "nonsense": "1"})
    assert (status, error["code"], error["param"]) == (BAD_REQUEST, "parameter_unknown", "nonsense")
    for param in required(params):
        rest = {key: value for key, value in required(params).items() if key != param}
        status, error = ask(http, name, rest)
        assert (status, error["code"], error["param"]) == (BAD_REQUEST, "parameter_missing", param)


def _inside() -> list[tuple[tuple[str, str], str]]:
    return [
        (name, param)
        for name in NAMES
        for param, entry in STRIPE_PARAMS[name].items()
        if entry.children and param in IMPLEMENTED[name].schema
    ]


@pytest.mark.parametrize(
    ("name", "param"), _inside(), ids=lambda value: value if isinstance(value, str) else _id_of(value)
)
def test_what_is_inside_an_object_is_checked_too(http: httpx.Client, name: tuple[str, str], param: str) -> None:
    params, entry = STRIPE_PARAMS[name], STRIPE_PARAMS[name][param]
    path = f"{param}[0]" if "array" in entry.types else param

    def refusal(inside: dict[str, Any]) -> dict[str, Any]:
        value = {"0": inside} if "array" in entry.types else inside
        status, error = ask(http, name, {**required(params), param: value})
        assert status == BAD_REQUEST
        return error

    unknown = refusal({"nonsense": "1"})
    assert (unknown["code"], unknown["param"]) == ("parameter_unknown", f"{path}[nonsense]")
    needed = required(dict(entry.children or {}))
    for child in needed if len(needed) > 1 else ():
        missing = refusal({key: value for key, value in needed.items() if key != child})
        assert (missing["code"], missing["param"]) == ("parameter_missing", f"{path}[{child}]")


@pytest.mark.parametrize("name", STRIPE_ONLY, ids=_id_of)
def test_an_operation_that_the_sandbox_does_not_do_is_501(http: httpx.Client, name: tuple[str, str]) -> None:
    status, error = ask(http, name, {})
    assert (status, error["code"]) == (NOT_IMPLEMENTED, "sandbox_not_implemented")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_the_sandbox_takes_no_parameter_that_stripe_does_not_know(operation: Operation) -> None:
    assert set(operation.schema) <= set(STRIPE_PARAMS[operation.method, operation.path])


def test_the_list_has_every_parameter_of_the_installed_library() -> None:
    known = {
        shape_of(f"{method} {path.replace(':id', '{id}')}"): params for (method, path), params in STRIPE_PARAMS.items()
    }
    found = {operation: params for operation, params in library_params().items() if operation in known}
    assert len(found) > len(NAMES) - 10
    missing = {name: set(params) - set(known[name]) for name, params in found.items()}
    assert {name: params for name, params in missing.items() if params} == {}, "run sandbox.dev.make_stripe_params"

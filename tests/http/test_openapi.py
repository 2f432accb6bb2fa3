"""The OpenAPI document makes good clients: names stand once, problems are typed, examples are valid."""

import ast
import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import yaml

import app
from app.errors import PaymentsError
from app.payment_intents.errors import REJECTIONS

ROOT = Path(app.__file__).parent

Json = dict[str, Any]

# Arguments of errors that are for the headers, the log or the detail, and no member of the body.
NOT_SHOWN = {"reason", "retry_after", "allowed", "snapshot", "key_of", "remembered"}


def _objects(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in children:
        yield from _objects(each)


def test_every_enumeration_stands_once_under_its_name(document: Json) -> None:
    schemas = document["components"]["schemas"]
    named = [schema for schema in schemas.values() if "enum" in schema]
    inline = [each for each in _objects(document) if isinstance(each.get("enum"), list) and each not in named]
    assert inline == []
    assert [values for values, count in Counter(tuple(each["enum"]) for each in named).items() if count > 1] == []


def test_each_operation_lists_the_codes_of_its_problems(document: Json) -> None:
    put = document["paths"]["/v1/{kind}/{reference_id}/payment-intent"]["put"]["responses"]
    conflict = put["409"]["content"]["application/problem+json"]["schema"]
    assert {"moved", "already_paid", "stale_cart_version"} <= conflict["discriminator"]["mapping"].keys()
    moved = document["components"]["schemas"]["MovedProblem"]["allOf"][1]["properties"]
    assert moved == {"code": {"type": "string", "const": "moved"}, "cart_id": {"type": "string"}}


def test_every_example_fits_its_schema(document: Json) -> None:
    examples = list(_examples(document))
    assert len(examples) > 80
    for schema, example in examples:
        validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
        assert [error.message for error in validator.iter_errors(example)] == [], example


def _examples(document: Json) -> Iterator[tuple[Json, Any]]:
    for each in _objects(document):
        if isinstance(each.get("examples"), list):
            yield from ((each, example) for example in each["examples"])
        if isinstance(each.get("examples"), dict) and "schema" in each:
            yield from ((each["schema"], example["value"]) for example in each["examples"].values())


def _classes(error: type[PaymentsError] = PaymentsError) -> Iterator[type[PaymentsError]]:
    yield error
    for each in error.__subclasses__():
        yield from _classes(each)


def _raised() -> Iterator[tuple[str, set[str]]]:
    """Return what errors are made with, by the name of their class, and what rejections say, by their code."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == "Rejected" and len(node.args) > 1:
                code, facts = node.args
                assert isinstance(code, ast.Constant)
                assert isinstance(code.value, str)
                keys = {key.value for key in getattr(facts, "keys", ()) if isinstance(key, ast.Constant)}
                yield REJECTIONS[code.value].__name__, {str(key) for key in keys}
            yield node.func.id, {each.arg for each in node.keywords if each.arg is not None}


def test_whatever_an_error_tells_besides_is_declared() -> None:
    """An error that says more than it declares would be read by no generated client."""
    importlib.import_module("app.main")
    declared = {error.__name__: {*error.extension_types, "errors"} | NOT_SHOWN for error in _classes()}
    undeclared = {name: more for name, names in _raised() if name in declared and (more := names - declared[name])}
    assert undeclared == {}
    assert "cart_id" in declared["Moved"]


async def test_the_document_is_served(anonymous: httpx.AsyncClient, document: Json) -> None:
    as_json, as_yaml = await anonymous.get("/openapi.json"), await anonymous.get("/openapi.yaml")
    assert as_json.json() == json.loads(json.dumps(document))
    assert yaml.safe_load(as_yaml.text) == as_json.json()
    assert as_yaml.headers["content-type"] == "application/yaml"


USE = """
import sys
from client import AuthenticatedClient
from client.api.payment_intents import get_payment_intent, put_payment_intent
from client.models import CartVersionConflictProblem, PaymentIntentPut, PaymentIntentPutRead, ReferencePathKind

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
where = {"kind": ReferencePathKind.CARTS, "reference_id": "c1", "client": client}
made = put_payment_intent.sync(**where, body=PaymentIntentPut(amount=1999, currency="eur", cart_version=1))
assert isinstance(made, PaymentIntentPutRead), made
assert get_payment_intent.sync(**where).amount == 1999
refused = put_payment_intent.sync(**where, body=PaymentIntentPut(amount=1, currency="eur", cart_version=1))
assert isinstance(refused, CartVersionConflictProblem), refused
assert (refused.code, refused.recorded_amount) == ("cart_version_conflict", 1999)
"""


async def test_pythons_usual_generator_makes_a_client_that_works(api: httpx.AsyncClient, tmp_path: Path) -> None:
    binaries = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": os.pathsep.join([binaries, os.environ["PATH"]])}
    (tmp_path / "openapi.yaml").write_text((await api.get("/openapi.yaml")).text, encoding="utf-8")
    command = f"generate --path {tmp_path}/openapi.yaml --meta none --output-path {tmp_path}/client --fail-on-warning"
    made = await _run(sys.executable, "-m", "openapi_python_client", *command.split(), environment=environment)
    assert made.returncode == 0, made.stdout
    assert "Warning" not in made.stdout

    key = api.headers["authorization"].removeprefix("Bearer ")
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    used = await _run(sys.executable, str(tmp_path / "use.py"), str(api.base_url), key, environment=environment)
    assert used.returncode == 0, used.stdout


async def _run(*command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return subprocess.CompletedProcess(command, process.returncode or 0, output.decode())

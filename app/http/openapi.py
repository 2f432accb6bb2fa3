"""The OpenAPI document: the app's own, with the shape of problems in it, and the copy in the repository."""

from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.auth.dependencies import CHECKOUT_TOKEN
from app.http.problems import Problem

REFERENCE = "/v1/{kind}/{reference_id}/"
FILE = Path(__file__).parents[2] / "openapi.yaml"


def install(app: FastAPI) -> None:
    """Make the application serve this document."""

    def document() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or _generate(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way to extend it


def _generate(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    schemas |= problem.pop("$defs") | {"Problem": problem}
    schemes = document["components"]["securitySchemes"]
    schemes["CheckoutToken"] = CHECKOUT_TOKEN.model_dump(mode="json", by_alias=True, exclude_none=True)
    _link_reference(document["paths"])
    return document


def _link_reference(paths: dict[str, Any]) -> None:
    """Say what the PUT's answer leads to: every other operation on the same reference."""
    parameters = {f"path.{name}": f"$request.path.{name}" for name in ("kind", "reference_id")}
    links = {
        operation["operationId"]: {"operationId": operation["operationId"], "parameters": parameters}
        for path, operations in paths.items()
        if path.startswith(REFERENCE) and path.count("{") == REFERENCE.count("{")
        for operation in operations.values()
    }
    for status in ("200", "201"):
        paths[f"{REFERENCE}payment-intent"]["put"]["responses"][status]["links"] = links


def render(app: FastAPI) -> str:
    """Render the document as the repository keeps it."""
    return yaml.safe_dump(app.openapi(), sort_keys=False, allow_unicode=True, width=120)


def is_current(app: FastAPI) -> bool:
    """Whether the repository's copy is the app's own."""
    return FILE.exists() and FILE.read_text(encoding="utf-8") == render(app)

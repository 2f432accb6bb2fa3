"""The OpenAPI document: the app's own, with the shape of problems in it, and the copy in the repository."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import yaml
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.auth.dependencies import CHECKOUT_TOKEN
from app.checkout_sessions.schemas import UiMode
from app.domain_events.schemas import openapi_schemas, openapi_webhooks
from app.http.problems import schemas_of_problems
from app.notifications.schemas import DeliveryState, DisabledReason
from app.payment_intents.list_query import Status
from app.payment_intents.protocol.events import ClosedReason, Flag, PersonsAction, PersonsReason
from app.payment_intents.protocol.terms import Kind
from app.payment_intents.requests import CancelReason, CaptureMethod, SetupFutureUsage
from app.payment_intents.schemas import Channel
from app.references.path import KINDS
from app.refunds.refund import Origin
from app.refunds.schemas import RefundReason
from app.search.query import Meaning
from app.timeline.schemas import ActorKind
from app.webhooks.ingest import Outcome

# The enumerations of the API, each under the name that it has in clients.
ENUMS: Mapping[str, tuple[str, ...]] = {
    "ReferenceKind": get_args(Kind),
    "ReferencePathKind": tuple(KINDS),
    "PaymentIntentStatus": get_args(Status),
    "Flag": get_args(Flag),
    "ClosedReason": get_args(ClosedReason),
    "CancelReason": get_args(CancelReason),
    "RefundReason": get_args(RefundReason),
    "RefundOrigin": get_args(Origin),
    "CaptureMethod": get_args(CaptureMethod),
    "SetupFutureUsage": get_args(SetupFutureUsage),
    "PaymentChannel": get_args(Channel),
    "CheckoutUiMode": get_args(UiMode),
    "WebhookOutcome": get_args(Outcome),
    "SearchMeaning": get_args(Meaning),
    "ActorKind": get_args(ActorKind),
    "DeliveryState": get_args(DeliveryState),
    "DisabledReason": get_args(DisabledReason),
    "PersonsAction": get_args(PersonsAction),
    "PersonsReason": get_args(PersonsReason),
}

REFERENCE = "/v1/{kind}/{reference_id}/"
FILE = Path(__file__).parents[2] / "openapi.yaml"


def install(app: FastAPI, *, is_served: bool) -> None:
    """Make this document the application's own, and serve it as YAML beside JSON."""

    def document() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or _generate(app)
        return app.openapi_schema

    async def as_yaml(_: Request) -> Response:
        return Response(render(app), media_type="application/yaml")

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way to extend it
    if is_served:
        app.add_route("/openapi.yaml", as_yaml, include_in_schema=False)


def _generate(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    document["components"]["schemas"] |= schemas_of_problems() | openapi_schemas()
    document["webhooks"] = openapi_webhooks()
    _restore_examples(document["components"]["schemas"])
    _name_enums(document)
    _drop_unused(document)
    schemes = document["components"]["securitySchemes"]
    schemes["CheckoutToken"] = CHECKOUT_TOKEN.model_dump(mode="json", by_alias=True, exclude_none=True)
    _link_reference(document["paths"])
    return document


def _restore_examples(schemas: dict[str, Any]) -> None:
    """Take the examples of our models as they are: FastAPI leaves out what is null in them."""
    for model in _models(BaseModel):
        extra = model.model_config.get("json_schema_extra")
        is_ours = model.__module__.startswith("app.") and model.__name__ in schemas
        if is_ours and isinstance(extra, dict) and "examples" in extra:
            schemas[model.__name__]["examples"] = deepcopy(extra["examples"])


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in base.__subclasses__():
        yield each
        yield from _models(each)


def _name_enums(document: dict[str, Any]) -> None:
    """Have each enumeration stand once, under its name, so that a generated client has one type of it."""
    schemas = document["components"]["schemas"]
    for name, values in ENUMS.items():
        schemas[name] = {"type": "string", "title": name, "enum": list(values)}
    names = {frozenset(values): name for name, values in ENUMS.items()}
    for schema in list(_objects(document)):
        named = names.get(frozenset(schema.get("enum", ())))
        if named is not None and schema is not schemas[named]:
            kept = {key: value for key, value in schema.items() if key in {"description", "default"}}
            schema.clear()
            schema.update({"$ref": f"#/components/schemas/{named}"} | kept)


def _drop_unused(document: dict[str, Any]) -> None:
    """Leave out the schemas that nothing refers to, and in turn those that only they referred to."""
    schemas = document["components"]["schemas"]
    while unused := schemas.keys() - set(_references(document)):
        for name in unused:
            del schemas[name]


def _references(document: Any) -> Iterator[str]:
    for each in _objects(document):
        if isinstance(each.get("$ref"), str):
            yield each["$ref"].rpartition("/")[2]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """List all objects of a document, outer ones first."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in children:
        yield from _objects(each)


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

"""Errors as problem details (RFC 9457), in answers and in the OpenAPI document.

Whatever goes wrong, the body is `application/problem+json` with a stable `code`. What the caller sent is never
repeated in it: it may be a secret.
"""

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.db.errors import DatabaseUnavailable
from app.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    PaymentsError,
    TooManyRequests,
    Unauthorized,
    ValidationFailed,
)
from app.http.errors import (
    BodyTooLarge,
    DuplicateHeader,
    DuplicateKey,
    JsonTooDeep,
    MalformedJson,
    MethodNotAllowed,
    Overloaded,
    UnsupportedMediaType,
)
from app.http.examples import example_of
from app.http.rules import explain
from app.observability.redaction import redact

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Where it is: `amount`, `metadata.color`, `path.reference_id`.")
    code: str = Field(description="The stable kind of fault.", examples=["greater_than_equal"])
    message: str = Field(description="The rule that it broke, in words.", examples=["Must be at least 1."])
    example: Any = Field(default=None, description="A value that is right.", examples=[1999])


class Problem(BaseModel):
    """Why a request failed (RFC 9457). Each error adds its own `code`, stable and meant for programs."""

    type: str = Field(description="Always `about:blank`; `code` tells the kind.")
    title: str
    status: int
    detail: str
    request_id: str | None = Field(default=None, description="As in `X-Request-ID`: what to look for in the log.")
    errors: list[FieldError] | None = Field(default=None, description="With `validation_failed`: each wrong field.")


def respond(error: PaymentsError, scope: Scope) -> Response:
    """Render an error as the answer to this request, and note it for the request's line in the log."""
    state = scope.setdefault("state", {})
    state["problem"] = error
    return Response(render(error, state.get("request_id")), error.status, dict(error.headers), MEDIA_TYPE)


def render(error: PaymentsError, request_id: str | None) -> bytes:
    """Return the problem document."""
    body = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
        **error.extensions,
    }
    known = {name: value for name, value in body.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode()


# What every operation that needs an API key may answer besides its own errors.
AUTHENTICATED = (
    DuplicateHeader,
    Unauthorized,
    Forbidden,
    ValidationFailed,
    TooManyRequests,
    DatabaseUnavailable,
    Overloaded,
)

# What every operation with a JSON body may answer, too.
WITH_BODY = (BodyTooLarge, MalformedJson, DuplicateKey, JsonTooDeep, UnsupportedMediaType)


def documented(*errors: type[PaymentsError]) -> dict[int | str, dict[str, Any]]:
    """Describe these errors for OpenAPI, one response for each status, with an example of each code."""
    by_status: defaultdict[int | str, list[type[PaymentsError]]] = defaultdict(list)
    for error in errors:
        by_status[error.status.value].append(error)
    return {status: _response(members) for status, members in by_status.items()}


def _response(errors: list[type[PaymentsError]]) -> dict[str, Any]:
    examples = {
        error.code: {"summary": error.title, "value": _example(error())}
        for error in sorted(errors, key=lambda error: error.code)
    }
    return {
        "description": "; ".join(f"`{code}`" for code in examples),
        "content": {MEDIA_TYPE: {"schema": _one_of(errors), "examples": examples}},
    }


def _one_of(errors: list[type[PaymentsError]]) -> dict[str, Any]:
    """Describe the problem documents of these errors, which their codes tell apart."""
    references = {error.code: f"#/components/schemas/{schema_name(error)}" for error in errors}
    if len(references) == 1:
        return {"$ref": next(iter(references.values()))}
    discriminator = {"propertyName": "code", "mapping": references}
    return {"oneOf": [{"$ref": each} for each in references.values()], "discriminator": discriminator}


def schema_name(error: type[PaymentsError]) -> str:
    return f"{error.__name__}Problem"


def schemas_of_problems() -> dict[str, Any]:
    """Return the schema of each error's problem document, and of what they share, by name."""
    shared = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = shared.pop("$defs") | {"Problem": shared}
    for error in _with_subclasses(PaymentsError):
        own = {name: TypeAdapter(kind).json_schema() for name, kind in error.extension_types.items()}
        properties = {"code": {"type": "string", "const": error.code}} | own
        schemas[schema_name(error)] = {
            "description": " ".join((error.__doc__ or "").split()),
            "allOf": [
                {"$ref": "#/components/schemas/Problem"},
                {"type": "object", "properties": properties, "required": ["code"]},
            ],
        }
    return schemas


def _with_subclasses(error: type[PaymentsError]) -> Iterator[type[PaymentsError]]:
    yield error
    for each in error.__subclasses__():
        yield from _with_subclasses(each)


def _example(error: PaymentsError) -> dict[str, Any]:
    fields = {"title": error.title, "status": error.status.value, "detail": error.detail, "code": error.code}
    return {"type": "about:blank"} | fields


# Of one name that the caller made up; and how many wrong fields are listed.
MAX_NAME = 64
MAX_ERRORS = 50


def _name(location: tuple[str | int, ...]) -> str:
    """Name a field as the caller does, without `body.`; one that the caller made up is cut and redacted."""
    parts = [_shorten(str(part)) for part in location]
    return ".".join(parts[1:] if parts[0] == "body" and len(parts) > 1 else parts)


def _shorten(part: str) -> str:
    """Cut a name before anything looks through it; the rest of a secret that is cut goes with it."""
    return redact(part) if len(part) <= MAX_NAME else f"{redact(part[: 4 * MAX_NAME])[:MAX_NAME]}…"


def _invalid(error: RequestValidationError, request: Request) -> PaymentsError:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return MalformedJson()
    # Two dependencies that read one parameter name it twice.
    distinct = {(each["loc"], each["type"]): each for each in found}.values()
    errors = [_wrong(each, request) for each in itertools.islice(distinct, MAX_ERRORS)]
    return ValidationFailed(f"{len(distinct)} field(s) are not valid, {errors[0]['field']} first.", errors=errors)


def _wrong(error: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """Name the field, the rule that it broke, and a right value if it can have one."""
    wrong = {"field": _name(error["loc"]), "code": error["type"], "message": _explain(error)}
    example = None if error["type"] == "extra_forbidden" else _example_for(request, error["loc"])
    return wrong if example is None else wrong | {"example": example}


def _explain(error: Mapping[str, Any]) -> str:
    if error["loc"] == ("body", "amount") and error["type"] == "greater_than_equal":
        return "Must be at least 1; cancel the PaymentIntent when nothing is owed."
    return explain(error)


def _example_for(request: Request, location: tuple[str | int, ...]) -> Any:
    document, path = request.app.openapi(), request.scope["route"].path_format
    operation = document["paths"].get(path, {}).get(request.method.lower(), {})
    return example_of(document, operation, location)


SLASH = "There is nothing at this address: no address here ends in a slash."


def _of_http(error: HTTPException, request: Request) -> PaymentsError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NotFound(SLASH if request.url.path.endswith("/") else None)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(allowed=_methods(request))
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Unauthorized()
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BodyTooLarge()
        case _:
            return InvalidRequest(str(error.detail))


def _methods(request: Request) -> list[str]:
    """List the methods of an address, each of which is a route of its own."""
    paths: dict[str, Any] = request.app.openapi()["paths"]
    shapes = {re.sub(r"{\w+}", "[^/]*", path): operations for path, operations in paths.items()}
    return sorted(
        method.upper()
        for shape, operations in shapes.items()
        if re.fullmatch(shape, request.scope["path"])
        for method in operations
    )


def install(app: FastAPI) -> None:
    """Make the application answer every error as a problem.

    It happens inside the application, so that CORS covers these answers too.
    """

    async def payments_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PaymentsError)  # noqa: S101 - registered for this class alone
        return respond(error, request.scope)

    async def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
        return respond(_invalid(error, request), request.scope)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
        return respond(_of_http(error, request), request.scope)

    app.add_exception_handler(PaymentsError, payments_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)

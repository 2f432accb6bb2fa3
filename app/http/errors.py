"""What is wrong with a request before anybody looks at what it asks for."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from app.errors import InvalidRequest, PaymentsError, Unavailable, ValidationFailed


class MalformedJson(InvalidRequest):
    """The body is not valid JSON."""

    code, title = "malformed_json", "Malformed JSON"


class JsonTooDeep(MalformedJson):
    """The JSON of the body is nested too deeply."""

    code, title = "json_too_deep", "JSON too deep"
    extension_types: ClassVar[Mapping[str, Any]] = {"max_depth": int}


class DuplicateKey(MalformedJson):
    """An object in the JSON of the body names a key twice; send each key once."""

    code, title = "duplicate_json_key", "Duplicate JSON key"


class DuplicateHeader(InvalidRequest):
    """A header that may stand once was sent more than once."""

    code, title = "duplicate_header", "Duplicate header"
    extension_types: ClassVar[Mapping[str, Any]] = {"header": str}


class InvalidCursor(ValidationFailed):
    """`after` is not a cursor of this list."""

    code, title = "invalid_cursor", "Invalid cursor"


class BodyTooLarge(InvalidRequest):
    """The body is larger than this service accepts."""

    status, code, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "Body too large"
    extension_types: ClassVar[Mapping[str, Any]] = {"max_bytes": int}


class UnsupportedMediaType(InvalidRequest):
    """The header `Content-Type` is missing or wrong; a body is JSON: send `Content-Type: application/json`."""

    status, code, title = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type"


class HeadersTooLarge(InvalidRequest):
    """The headers, or the address with its query, are larger than this service accepts."""

    status, code, title = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "Headers too large"
    extension_types: ClassVar[Mapping[str, Any]] = {"max_bytes": int, "max_fields": int}


class RequestTimeout(InvalidRequest):
    """The request did not arrive in time; send it again, whole."""

    status, code, title = HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "Request timeout"


class MalformedRequest(InvalidRequest):
    """This is not HTTP that this service can read."""

    code, title = "malformed_request", "Malformed request"


class Overloaded(Unavailable):
    """Too many requests or connections are open at once. Send the same request again."""

    code, title = "overloaded", "Overloaded"


class MethodNotAllowed(PaymentsError):
    """This address does not take this method."""

    status, code, title = HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"

    def __init__(self, *, allowed: Sequence[str] = ()) -> None:
        super().__init__()
        self.headers = {"Allow": ", ".join(allowed)}

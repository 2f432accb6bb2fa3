"""Answers that are encoded once.

FastAPI validates what a route returns a second time before it encodes it. The routes that shoppers wait for return
their answer ready; their `response_model` says what it is.
"""

from pydantic import BaseModel
from starlette.responses import Response


def encode(answer: BaseModel, *, status: int = 200) -> Response:
    """Return a JSON answer that no cache may keep."""
    headers = {"Cache-Control": "no-store"}
    return Response(answer.model_dump_json(), status, headers, media_type="application/json")

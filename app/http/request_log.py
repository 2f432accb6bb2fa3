"""The id of a request, and its line in the log."""

import os
import re
import time

import structlog
from starlette.types import Scope

from app.http.paths import shown
from app.observability.metrics import PROBLEMS

log = structlog.get_logger()

# Probes and the like would fill the log with nothing.
QUIET_PATHS = frozenset({"/livez", "/readyz"})

# What an id from outside may be; any other is replaced.
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

# Longer than any path of ours; nothing looks through more of one that was refused.
MAX_LOGGED_PATH = 200


def request_id(sent: bytes | None) -> str:
    """Return the caller's id of this request if it is well-formed, else a new one."""
    if sent is not None and REQUEST_ID.fullmatch(sent):
        return sent.decode()
    return os.urandom(16).hex()


def logged_path(scope: Scope) -> str:
    return shown(scope["path"][:MAX_LOGGED_PATH])


def log_answer(scope: Scope, *, status: int, began: float) -> None:
    """Write the line of one request, without its query string, and count it when it is a problem."""
    problem = scope["state"].get("problem")
    why = {}
    if problem is not None:
        route = getattr(scope.get("route"), "path_format", "none")
        PROBLEMS.labels(route, problem.code).inc()
        why = {"code": problem.code, "reason": problem.reason or problem.detail}
    if scope["path"] in QUIET_PATHS and problem is None:
        return
    write = log.warning if status >= 500 else log.info  # noqa: PLR2004 - HTTP's own border
    write(
        "request.answered",
        method=scope["method"],
        path=logged_path(scope),
        status=status,
        milliseconds=round((time.monotonic() - began) * 1000, 1),
        **why,
    )

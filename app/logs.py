"""Logs: past-tense events with ids, as JSON in production. No secret may get in.

The `stripe` logger prints whole bodies at DEBUG and addresses with client secrets at INFO; it is pinned to WARNING.
"""

import logging
import sys
from collections.abc import Collection
from typing import Any

import structlog

from app.redaction import redact

LOUD = ("stripe", "aiohttp", "asyncio", "httpx", "httpcore", "sqlalchemy.engine", "uvicorn.access")

# The server's loggers may have handlers of their own already, which would write what we have not seen.
SELF_WILLED = ("uvicorn", "uvicorn.error", "uvicorn.access")


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a line, ours or a library's, and take out of the finished text what looks like a secret."""

    def __init__(self, secrets: Collection[str], **options: Any) -> None:
        super().__init__(**options)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


def configure(*, is_json: bool, level: str, secrets: Collection[str] = ()) -> None:
    """Send our events and the libraries' messages to standard error, in one shape and without these secrets."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks without the values of local variables: those may be secrets.
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if is_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        RedactingFormatter(
            secrets,
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in SELF_WILLED:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)

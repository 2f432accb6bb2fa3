"""Logs: past-tense events with ids, as JSON in production. No secret may get in.

The `stripe` logger prints whole bodies at DEBUG and addresses with client secrets at INFO; it is pinned to WARNING.
"""

import json
import logging
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Any, TextIO

import structlog

from app.observability.redaction import CUT, MAX_TEXT, Redactor

NOISY_LOGGERS = ("stripe", "aiohttp", "asyncio", "httpx", "httpcore", "sqlalchemy.engine", "uvicorn.access")

# The server's loggers may have handlers of their own already, which would write what we have not seen.
LOGGERS_WITH_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


class Output:
    """Where our own lines go: past the standard library's records, which cost more than all else in a line.

    As there, a line that can't be written is lost, and nothing fails for it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = write


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a library's line, and take out of the finished text what looks like a secret."""

    def __init__(self, redact: Redactor, **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


# Of one value: a line is cut by its values, so that it stays JSON.
MAX_VALUE = MAX_TEXT // 4

_encode = json.JSONEncoder(default=repr, ensure_ascii=False).encode  # made once: json.dumps makes one for each line


def _serialize(event: dict[str, Any], **_: object) -> str:
    return _encode(event)


def configure_logging(*, is_json: bool, level: str, secrets: Collection[str] = ()) -> None:
    """Send our events and the libraries' messages to standard error, in one shape and without these secrets."""
    redact = Redactor(secrets)

    def cut(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        for name, value in event.items():
            if isinstance(value, str) and len(value) > MAX_VALUE:
                event[name] = redact(value)[:MAX_VALUE] + CUT
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks without the values of local variables: those may be secrets.
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, cut, structlog.processors.JSONRenderer(_serialize)]
        if is_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    output = Output(sys.stderr)

    def redacted(_: object, __: str, line: Any) -> str:
        return redact(line)

    structlog.configure(
        processors=[*shared, *last, redacted],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        RedactingFormatter(
            redact,
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in LOGGERS_WITH_OWN_HANDLERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)

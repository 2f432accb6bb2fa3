"""How a page is made: templates, words of money and time, headers that let a browser trust nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from app.console.charts import number
from app.console.sessions import Session
from app.errors import NotFound
from app.payment_intents.currencies import display

FOLDER = Path(__file__).parent
FILES = {
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "live.js": "text/javascript; charset=utf-8",
}

# Nothing from elsewhere, nothing inside the page, no frame around it; forms are sent to us alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

COOKIE = "__Host-console"

# A place in a list.
After = Annotated[str, Query(max_length=200)]


def money(amount: int | None, currency: str | None) -> str:
    """Return an amount as a person reads it; a dash where there is none yet."""
    return display(amount, currency) if amount is not None and currency else "–"  # noqa: RUF001 - a dash, for people


def moment(at: datetime) -> str:
    """Return a time as a person reads it: `27 Nov 2026, 18:03`, in UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"


def clock_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def day(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%A}, {at.day} {at:%B %Y}"


def distance(at: datetime, now: datetime) -> str:
    """Return how far away a time is: `in 3 hours`, `2 days ago`."""
    seconds = (at - now).total_seconds()
    text = duration(timedelta(seconds=abs(seconds)))
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def duration(span: timedelta) -> str:
    """Return a span in its largest unit: `3 hours`."""
    seconds = int(span.total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = round(seconds / length)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def words(code: str | None) -> str:
    """Return a code as words: `needs_response` is `needs response`."""
    return (code or "").replace("_", " ").replace(".", " ")


TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "number": number,
    "moment": moment,
    "clock_time": clock_time,
    "day": day,
    "distance": distance,
    "words": words,
}
TEMPLATES.globals["money"] = money


def render(
    request: Request, template: str, context: Mapping[str, Any], *, session: Session | None, status: int = 200
) -> Response:
    """Return a page; what callers have sent stands in it as text."""
    shared = {"session": session, "path": request.scope["path"], "now": datetime.now(UTC)}
    body = TEMPLATES.get_template(template).render(shared | dict(context))
    return HTMLResponse(body, status, HEADERS)


def go_to(path: str) -> Response:
    """Return a redirect that the browser follows with GET, to a path of ours."""
    return RedirectResponse(path, 303, HEADERS)


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie that only this host gets, over TLS or on this machine, and no script reads."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str) -> None:
    set_cookie(response, name, "", seconds=0)


def static_file(name: str) -> Response:
    """Return one of the pages' own files. Raises NotFound."""
    if name not in FILES:
        raise NotFound
    return FileResponse(FOLDER / "static" / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})

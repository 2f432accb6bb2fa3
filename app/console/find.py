"""Find payments: one search field, and lists whose filters stand in the address."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.console.access import Support
from app.console.pages import After, render
from app.console.route import ConsoleRoute
from app.console.state_words import label_of
from app.disputes import repository as disputes
from app.disputes.schemas import DisputeRead
from app.errors import PaymentsError, ValidationFailed
from app.http.errors import InvalidCursor
from app.http.pagination import Cursor, Page
from app.payment_intents import service as payment_intents
from app.payment_intents.list_query import PaymentIntentFilters
from app.payment_intents.schemas import PaymentIntentPage
from app.refunds import service as refunds
from app.resources import Resources, ResourcesDependency
from app.search import service as search

router = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)

PAGE_SIZE = 25
FILTERS = ("status", "flag", "customer", "currency", "card_last4", "created_from", "created_to")
STATUSES = (
    "requires_payment_method",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
)
FLAGS = ("amount_mismatch", "duplicate_payment", "paid_after_close", "disputed", "fraud_warning")
REFUND_STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled", "refused")
DISPUTE_STATUSES = (
    *("warning_needs_response", "warning_under_review", "warning_closed"),
    *("needs_response", "under_review", "won", "lost", "prevented"),
)

Word = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


def page_after(after: str) -> Page:
    """Return the page that a cursor names. Raises InvalidCursor."""
    return Page(PAGE_SIZE, Cursor.decode(after) if after else None)


@router.get("")
async def find(
    request: Request,
    session: Support,
    resources: ResourcesDependency,
    q: Word = "",
    after: After = "",
) -> Response:
    """Find payments, or list the newest."""
    given = {name: request.query_params[name].strip() for name in FILTERS if request.query_params.get(name)}
    context: dict[str, Any] = {"q": q, "filters": given, "understood": [], "ignored": [], "problem": None}
    try:
        found = await _found(resources, q.strip(), given, page_after(after), context)
    except InvalidCursor:
        raise
    except PaymentsError as error:
        found, context["problem"] = None, error.detail
    data = found.data if found else []
    following = found.next_cursor if found else None
    return render(
        request,
        "find.html",
        context
        | {
            "payments": [(payment, *label_of(payment)) for payment in data],
            "more": _more({"q": q} | given, following),
            "is_first": not after,
            "statuses": STATUSES,
            "flags": FLAGS,
        },
        session=session,
    )


async def _found(
    resources: Resources, q: str, given: Mapping[str, str], page: Page, context: dict[str, Any]
) -> PaymentIntentPage:
    if q:
        answer = await search.search(resources, q, page)
        context |= {"understood": answer.understood, "ignored": answer.ignored}
        return answer
    return await payment_intents.list_payment_intents(resources, _filters(given).filters(), page)


def _filters(given: Mapping[str, str]) -> PaymentIntentFilters:
    """Read the filters; a day alone is its beginning, in UTC. Raises ValidationFailed."""
    values = {
        name: f"{value}T00:00:00Z" if name.startswith("created_") and "T" not in value else value
        for name, value in given.items()
    }
    try:
        return PaymentIntentFilters.model_validate(values)
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors()})
        raise ValidationFailed(f"Not understood: {', '.join(names).replace('_', ' ')}.") from None


def _more(query: Mapping[str, str], cursor: str | None) -> str | None:
    """Return the query of the next page."""
    if cursor is None:
        return None
    return urlencode({name: value for name, value in query.items() if value} | {"after": cursor})


@router.get("/refunds")
async def list_refunds(
    request: Request,
    session: Support,
    resources: ResourcesDependency,
    status: Annotated[str, Query(pattern="^[a-z_]{0,40}$")] = "",
    after: After = "",
) -> Response:
    """List refunds, newest first."""
    found = await refunds.list_all(resources, page_after(after), status=status or None)
    context = {
        "refunds": found.data,
        "status": status,
        "statuses": REFUND_STATUSES,
        "more": _more({"status": status}, found.next_cursor),
        "is_first": not after,
    }
    return render(request, "refunds.html", context, session=session)


@router.get("/disputes")
async def list_disputes(
    request: Request,
    session: Support,
    resources: ResourcesDependency,
    status: Annotated[str, Query(pattern="^[a-z_]{0,40}$")] = "",
    after: After = "",
) -> Response:
    """List disputes, newest first."""
    rows = await disputes.list_disputes(resources.database, status or None, None, page_after(after))
    last = rows[PAGE_SIZE - 1][0] if len(rows) > PAGE_SIZE else None
    context = {
        "disputes": [DisputeRead.of(*row) for row in rows[:PAGE_SIZE]],
        "status": status,
        "statuses": DISPUTE_STATUSES,
        "more": _more({"status": status}, Cursor(last.opened_at, last.id).encode() if last else None),
        "is_first": not after,
    }
    return render(request, "disputes.html", context, session=session)

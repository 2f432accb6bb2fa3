"""A payment's page: its amounts, its state in words, and the whole story of its cart or session."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from app.attempts import repository as attempts
from app.attempts.schemas import AttemptRead
from app.console import action_log, deliveries
from app.console.access import Support
from app.console.acting import NEEDED
from app.console.actions import possible_actions
from app.console.bar import segments_of
from app.console.pages import After, render
from app.console.picture import Row, rows_of
from app.console.route import ConsoleRoute
from app.console.state_words import explain_state, label_of
from app.http.pagination import Cursor, Page
from app.payment_intents import service as payment_intents
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.schemas import PaymentIntentRead
from app.resources import Resources, ResourcesDependency
from app.timeline import service as timeline

router = APIRouter(prefix="/console/payments", route_class=ConsoleRoute, include_in_schema=False)

PaymentIntentId = Annotated[UUID, Path()]

# Of one page; a cart has rarely more than twenty events.
MAX_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class History:
    """A cart's or session's PaymentIntents, newest first, and what happened, oldest first."""

    generations: list[PaymentIntentRead]
    rows: list[Row]
    next_cursor: str | None


@router.get("/{payment_intent_id:uuid}")
async def show_payment(
    request: Request,
    payment_intent_id: PaymentIntentId,
    session: Support,
    resources: ResourcesDependency,
    after: After = "",
) -> Response:
    """Show one PaymentIntent with all that is known of it."""
    payment = await payment_intents.find_payment_intent(resources, str(payment_intent_id))
    history = await _history(resources, payment, Cursor.decode(after) if after else None)
    context = {
        "payment": payment,
        "state": explain_state(payment, datetime.now(UTC)),
        "segments": segments_of(payment),
        "generations": [(each, *label_of(each)) for each in history.generations],
        "rows": history.rows,
        "more": history.next_cursor,
        "is_first": not after,
        "can_redeliver": session.person.may(NEEDED["redeliver"]),
        "actions": possible_actions(payment, session),
    }
    return render(request, "payment.html", context, session=session)


async def _history(resources: Resources, payment: PaymentIntentRead, after: Cursor | None) -> History:
    reference = Reference(payment.reference.kind, payment.reference.id)
    generations = await payment_intents.list_generations(resources, reference, Page(MAX_ENTRIES, None))
    happened = await timeline.read(resources, reference, Page(MAX_ENTRIES, after))
    tried: list[AttemptRead] = []
    if any(each.attempts.count for each in generations.data):
        tried = (await attempts.list_attempts(resources.database, reference, Page(MAX_ENTRIES, None))).data
    remarks = await action_log.remarks_on(resources.database, [each.id for each in generations.data])
    sent = await deliveries.of_events(resources.database, [entry.event_id for entry in happened.data])
    rows = rows_of(happened.data, generations.data, tried, remarks, sent)
    return History(generations.data, rows, happened.next_cursor)

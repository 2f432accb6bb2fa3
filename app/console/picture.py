"""The timeline as a picture: one line, from which each further PaymentIntent of the cart branches off."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date
from typing import Literal, NamedTuple
from uuid import UUID

from app.attempts.schemas import AttemptRead
from app.console.action_log import Remark
from app.console.deliveries import Delivery
from app.payment_intents.schemas import PaymentIntentRead
from app.timeline.schemas import EntryRead

MAX_LANES = 4  # beyond it the last lane has all

Cell = Literal["none", "line", "begin", "point", "end", "only"]

# Which icon an event has, by the beginning of its type; the first that fits.
ICONS = (
    ("payment.opened", "cart"),
    ("payment.amount_changed", "cart"),
    ("payment.action_required", "shield"),
    ("payment.partially_funded", "clock"),
    ("payment.succeeded", "check"),
    ("payment.authorized", "lock"),
    ("payment.processing", "clock"),
    ("payment.canceled", "stop"),
    ("payment.flagged", "flag"),
    ("payment.attached", "arrow"),
    ("action.", "person"),
    ("attempt.succeeded", "card"),
    ("attempt.failed", "cross"),
    ("refund.failed", "cross"),
    ("refund.", "back"),
    ("dispute.", "flag"),
    ("fraud_warning.", "flag"),
)
GOOD = frozenset({"payment.succeeded", "attempt.succeeded", "refund.succeeded"})
BAD = frozenset(
    {"attempt.failed", "refund.failed", "payment.flagged", "dispute.opened", "dispute.updated", "fraud_warning.created"}
)


class Row(NamedTuple):
    """One event: its place in each lane, its icon, and what else is known of it."""

    entry: EntryRead
    cells: tuple[Cell, ...]
    lane: int
    branches_from: int | None
    icon: str
    tone: str
    is_new_day: bool
    generation: int | None
    attempt: AttemptRead | None
    remark: Remark | None
    deliveries: Sequence[Delivery]


def rows_of(
    entries: Sequence[EntryRead],
    generations: Sequence[PaymentIntentRead],
    attempts: Sequence[AttemptRead],
    remarks: Mapping[str, Remark],
    deliveries: Mapping[str, Sequence[Delivery]],
) -> list[Row]:
    """Return the rows of the picture, oldest first. `remarks` are by the action's id."""
    numbers = {payment.id: payment.generation for payment in generations}
    tried = {str(attempt.id): attempt for attempt in attempts}
    lanes = _lanes_of(entries, numbers)
    spans = _spans_of(lanes)
    rows, before = list[Row](), None
    for place, (entry, lane) in enumerate(zip(entries, lanes, strict=True)):
        today = entry.at.astimezone(UTC).date()
        begins = spans[lane][0] == place
        rows.append(
            Row(
                entry=entry,
                cells=tuple(_cell(place, span, is_own=number == lane) for number, span in enumerate(spans)),
                lane=lane,
                branches_from=lane - 1 if begins and lane > 0 else None,
                icon=next((icon for start, icon in ICONS if entry.type.startswith(start)), "dot"),
                tone="good" if entry.type in GOOD else "bad" if entry.type in BAD else "plain",
                is_new_day=_is_other(today, before),
                generation=numbers.get(entry.payment_intent_id) if entry.payment_intent_id else None,
                attempt=tried.get(entry.ids.get("attempt_id", "")),
                deliveries=deliveries.get(entry.event_id, ()),
                remark=remarks.get(entry.ids.get("action_id", "")),
            )
        )
        before = today
    return rows


def _is_other(today: date, before: date | None) -> bool:
    return before is None or today != before


def _lanes_of(entries: Sequence[EntryRead], numbers: Mapping[UUID, int]) -> list[int]:
    """Return the lane of each event: the generation's place among those that are in the picture."""
    own = [numbers.get(each.payment_intent_id) if each.payment_intent_id else None for each in entries]
    shown = sorted({number for number in own if number is not None})
    places: dict[int | None, int] = {number: min(place, MAX_LANES - 1) for place, number in enumerate(shown)}
    return [places.get(number, 0) for number in own]


class Span(NamedTuple):
    """The first and last row of a lane, and whether the next lane branches off after it."""

    first: int
    last: int
    goes_on: bool


def _spans_of(lanes: Sequence[int]) -> list[Span]:
    """Return where each lane is; it goes on until the next one branches off."""
    count = max(lanes, default=0) + 1
    firsts = [lanes.index(lane) for lane in range(count)]
    lasts = [len(lanes) - 1 - lanes[::-1].index(lane) for lane in range(count)]
    return [
        Span(first, max(last, following - 1), goes_on=following == max(last, following - 1) + 1)
        for first, last, following in zip(firsts, lasts, [*firsts[1:], 0], strict=True)
    ]


def _cell(place: int, span: Span, *, is_own: bool) -> Cell:
    if not span.first <= place <= span.last:
        return "none"
    if not is_own:
        return "line"
    ends = place == span.last and not span.goes_on
    if place == span.first:
        return "only" if ends else "begin"
    return "end" if ends else "point"

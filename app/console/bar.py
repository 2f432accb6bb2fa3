"""A payment's amounts as one bar: what was kept, sent back, disputed or lost, is held, or is still owed."""

from collections.abc import Sequence
from typing import NamedTuple

from app.payment_intents.schemas import PaymentIntentRead

WIDTH = 1000  # of the drawing, in its own units
LEAST = 6  # so that no part is too thin to be seen


class Segment(NamedTuple):
    """A part of the bar; `kind` is its colour's name."""

    kind: str
    label: str
    amount: int
    x: int = 0
    width: int = 0


def segments_of(payment: PaymentIntentRead) -> list[Segment]:
    """Return the parts that are not empty, from the left, with their places."""
    lost, disputed = payment.amount_lost, payment.amount_disputed
    kept = max(0, payment.amount_received - payment.amount_refunded - disputed - lost)
    is_over = payment.closed_at is not None or payment.status == "succeeded"
    covered = payment.amount_received + payment.amount_capturable
    parts = [
        Segment("kept", "Kept", kept),
        Segment("refunded", "Refunded", payment.amount_refunded),
        Segment("disputed", "Kept back by a dispute", disputed),
        Segment("lost", "Lost in a dispute", lost),
        Segment("held", "Held on the card", payment.amount_capturable),
        Segment("owed", "Not paid", 0 if is_over else max(0, payment.requested_amount - covered)),
    ]
    return _placed([part for part in parts if part.amount > 0])


def _placed(parts: Sequence[Segment]) -> list[Segment]:
    total = sum(part.amount for part in parts)
    widths = [max(LEAST, part.amount * WIDTH // total) for part in parts]
    scale = WIDTH / sum(widths) if widths else 1
    placed, x = [], 0
    for part, width in zip(parts, widths, strict=True):
        end = WIDTH if part is parts[-1] else x + round(width * scale)
        placed.append(part._replace(x=x, width=end - x))
        x = end
    return placed

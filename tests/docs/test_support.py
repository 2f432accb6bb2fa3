"""The page for support explains every word that an answer may have."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from app.payment_intents.list_query import Status
from app.payment_intents.protocol.events import ClosedReason, Flag
from app.search.query import understand
from tests.docs.pages import code, read, rows, section

PAGE = "docs/support.md"

WORDS = {
    "## What state is it in?": get_args(Status),
    "## Why was it closed?": get_args(ClosedReason),
    "## What needs a person?": (*get_args(Flag), "price_refused"),
    "## Refunds": ("pending", "requires_action", "succeeded", "failed", "canceled", "refused"),
    "## Disputes": (
        *("warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "under_review"),
        *("won", "lost", "prevented"),
    ),
}


@pytest.mark.parametrize("heading", WORDS)
def test_every_word_has_its_line(heading: str) -> None:
    explained = [word for first, *_ in rows(section(read(PAGE), heading)) for word in code(first)]
    assert sorted(explained) == sorted(WORDS[heading])


def test_what_a_customer_says_is_understood_as_typed() -> None:
    typed = [word for _, example in rows(section(read(PAGE), "## Find the payment")) for word in code(example)]
    whole = [each for each in typed if "…" not in each]
    assert len(whole) > 6
    for query in whole:
        found = understand(query, datetime(2026, 11, 27, 12, tzinfo=UTC))
        assert found.understood, query
        assert not found.ignored, query
    meanings = {each.meaning for each in understand(whole[0], datetime(2026, 11, 27, 12, tzinfo=UTC)).understood}
    assert meanings == {"card_last4", "amount", "day"}

"""One statement writes all of a change, or nothing: whoever else writes the same reference, and in whatever order."""

import asyncio
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.attempts import repository as attempts
from app.attempts.attempt import Attempt
from app.attempts.repository import PAYMENT_ATTEMPTS
from app.disputes import repository as disputes
from app.disputes.dispute import Dispute
from app.disputes.repository import DISPUTES
from app.payment_intents import repository
from app.payment_intents.convergence import context_at
from app.payment_intents.protocol.events import PaymentAmountChanged
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.payment_intents.protocol.terms import PaymentTerms, Reference
from app.payment_intents.repository import Read
from app.references.repository import compare_and_set, insert_missing
from app.refunds import repository as refunds
from app.refunds.refund import Refund
from app.refunds.repository import REFUNDS
from app.resources import Resources
from app.stripe_gateway import StripeEvent
from app.webhooks import repository as webhooks
from app.webhooks.repository import WEBHOOK_EVENTS
from tests.database import TABLES, Database

CART = Reference("cart", "c1")
TERMS = PaymentTerms(1000, "eur", capture_method="automatic_async")

STEPS = ("read", "decide", "write")
ORDERS = sorted(set(itertools.permutations([1, 1, 1, 2, 2, 2])))


async def _read(resources: Resources, reference: Reference = CART) -> Read:
    return await repository.read(resources.database, reference, threshold=1)


def _change(resources: Resources, found: Read) -> Change:
    return Change(found.state, context_at(resources, found), Actor("test"))


def _opened(resources: Resources, found: Read) -> Change:
    change = _change(resources, found)
    change.open_next(requested=TERMS, revision=1)
    return change


def _revised(resources: Resources, found: Read, writer: int) -> Change:
    """Return a change that only shows who made it, and on what."""
    change = _change(resources, found)
    row = change.state.newest
    assert row is not None
    change.put(row._replace(revision=row.revision + 1))
    change.append(row, PaymentAmountChanged(writer, "eur", row.revision, "eur"))
    return change


async def _write(resources: Resources, change: Change) -> bool:
    async with resources.database.connection() as connection:
        return await repository.write(connection, change)


@dataclass
class Writer:
    """Reads, decides and writes, one step at a time."""

    resources: Resources
    number: int
    found: Read | None = None
    change: Change | None = None
    is_written: bool = False

    async def step(self, name: str) -> None:
        if name == "read":
            self.found = await _read(self.resources)
        elif name == "decide" and self.found is not None:
            self.change = _revised(self.resources, self.found, self.number)
        elif self.change is not None:
            self.is_written = await _write(self.resources, self.change)


def _in_order(writers: Sequence[Writer], order: Sequence[int]) -> Iterator[tuple[Writer, str]]:
    left = {writer.number: iter(STEPS) for writer in writers}
    for number in order:
        yield writers[number - 1], next(left[number])


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
async def test_in_every_order_of_two_writers_the_versions_have_no_fork_and_no_gap(
    resources: Resources, database: Database, order: tuple[int, ...]
) -> None:
    await _write(resources, _opened(resources, await _read(resources)))
    writers = [Writer(resources, 1), Writer(resources, 2)]
    for writer, step in _in_order(writers, order):
        await writer.step(step)

    first, second = writers[order[-1] - 2], writers[order[-1] - 1]  # who wrote last is second
    is_apart = order in {(1, 1, 1, 2, 2, 2), (2, 2, 2, 1, 1, 1)}
    events = await database.domain_events("payment.amount_changed")
    final = (await _read(resources)).state
    assert (first.is_written, second.is_written) == (True, is_apart)
    assert [event["data"]["previous_amount"] for event in events] == list(range(1, len(events) + 1))
    assert final.version == 1 + len(events)
    assert [event["sequence"] for event in await database.domain_events()] == list(range(1, final.next_sequence))


async def test_two_that_make_one_reference_at_once_make_it_once(resources: Resources, database: Database) -> None:
    changes = [_opened(resources, await _read(resources)) for _ in range(2)]
    outcomes = await asyncio.gather(*(_write(resources, change) for change in changes))
    assert sorted(outcomes) == [False, True]
    assert [row["generation"] for row in await database.payment_intents()] == [1]


def _with_everything(resources: Resources, found: Read) -> Change:
    """Return a change that writes a row of every table that a reference's change can write."""
    change = _revised(resources, found, 1)
    row, now = change.changed[0], datetime.now(UTC)
    change.save(PAYMENT_ATTEMPTS, "ch_1", attempts.row_of(_attempt(row, now), created_at=now))
    refund = Refund(uuid4(), row.id, "stripe", 5, "eur", None, now, now, stripe_id="re_1", status="succeeded")
    change.save(REFUNDS, refund.id, refunds.row_of(refund))
    dispute = Dispute(uuid4(), row.id, "dp_1", "ch_1", "lost", "general", 5, "eur", None, False, now)
    change.save(DISPUTES, dispute.id, disputes.row_of(dispute, now=now))
    event = StripeEvent("evt_1", "charge.failed", now, {}, "charge", "ch_1", None, is_live=False)
    change.save(WEBHOOK_EVENTS, event.id, webhooks.row_of(event, "recorded", found.state.reference))
    return change


def _attempt(row: PaymentIntentState, now: datetime) -> Attempt:
    card = {"payment_method_type": "card", "card_brand": "visa", "card_last4": "4242"}
    names = ("failure_code", "decline_code", "message", "outcome_type", "risk_level", "seller_message")
    more = ("card_country", "card_wallet")
    return Attempt(
        id=uuid4(),
        payment_intent_id=row.id,
        key="ch_1",
        charge_id="ch_1",
        status="failed",
        amount=1000,
        currency="eur",
        cart_version=None,
        three_d_secure=None,
        capture_before=None,
        attempted_at=now,
        **card,
        **dict.fromkeys((*names, *more)),
    )


async def _counts(database: Database) -> dict[str, int]:
    return {table: await database.value(f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608 - our own names


async def test_a_lost_compare_and_set_leaves_no_row_of_any_table(resources: Resources, database: Database) -> None:
    await _write(resources, _opened(resources, await _read(resources)))
    found = await _read(resources)
    late = _with_everything(resources, found)
    await _write(resources, _revised(resources, found, 2))
    before, rows = await _counts(database), await database.payment_intents()
    is_written = await _write(resources, late)
    assert not is_written
    assert await _counts(database) == before
    assert await database.payment_intents() == rows

    assert await _write(resources, _with_everything(resources, await _read(resources)))
    after = await _counts(database)
    grown = {table for table in TABLES if after[table] > before[table]}
    assert grown == {"domain_events", "payment_attempts", "refunds", "disputes", "webhook_events"}


async def test_of_two_references_that_belong_together_both_are_written_or_none(
    resources: Resources, database: Database
) -> None:
    other = Reference("session", "s1")
    for reference in (CART, other):
        await _write(resources, _opened(resources, await _read(resources, reference)))
    stale, current = await _read(resources), await _read(resources, other)
    await _write(resources, _revised(resources, stale, 1))
    writes = [repository.writes_of(_revised(resources, found, 2)) for found in (stale, current)]
    async with resources.database.connection() as connection:
        assert await compare_and_set(connection, writes, "all") == set()
    assert [event["data"]["amount"] for event in await database.domain_events("payment.amount_changed")] == [1]


WRITERS, REFERENCES, ROUNDS = 12, 6, 25


async def test_under_a_crowd_transaction_numbers_rise_with_the_sequence_and_nobody_deadlocks(
    resources: Resources, database: Database
) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    references = [Reference("cart" if number % 2 else "session", f"r{number}") for number in range(REFERENCES)]
    async with resources.database.connection() as connection:
        await insert_missing(connection, references[0])  # one that exists, and has nothing
    for reference in references:
        await _write(resources, _opened(resources, await _read(resources, reference)))

    async def writer(number: int) -> int:
        written = 0
        for _ in range(ROUNDS):
            chosen = chance.sample(references, chance.randint(1, 4))
            reads = [await _read(resources, reference) for reference in chosen]
            await asyncio.sleep(chance.uniform(0, 0.005))
            writes = [repository.writes_of(_revised(resources, found, number)) for found in reads]
            async with resources.database.connection() as connection:
                written += len(await compare_and_set(connection, writes, "batch"))
        return written

    written = sum(await asyncio.gather(*(writer(number) for number in range(WRITERS))))
    events = await database.domain_events()
    assert written == len(events) - REFERENCES > WRITERS
    for reference in references:
        of_one = sorted((each for each in events if each["reference_id"] == reference.id), key=lambda e: e["sequence"])
        assert [each["sequence"] for each in of_one] == list(range(1, len(of_one) + 1))
        assert [each["id"] for each in of_one] == sorted(each["id"] for each in of_one)
        numbers = [int(each["xid"]) for each in of_one]
        assert numbers == sorted(numbers)
        assert len(numbers) == len(set(numbers))
        assert (await _read(resources, reference)).state.version >= len(of_one)

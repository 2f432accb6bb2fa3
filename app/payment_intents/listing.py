"""List PaymentIntents by what is known of them, newest first.

The order is that of our ids, which begin with the time at which they were made; with a range of `paid_at` it is that
time. A row never changes its place, so a cursor neither skips nor repeats one, whatever is written meanwhile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.db.conditions import Conditions, fetch_planned
from app.db.engine import Database
from app.http.pagination import Page
from app.payment_intents.protocol.events import Flag
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.terms import Kind, Reference
from app.payment_intents.repository import payment_intent_of

# By so much may the clock of a process, which is in our ids, differ from the database's, which is in `created_at`.
CLOCKS_DIFFER_BY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Range:
    """From the first moment on, and before the second; None where it is open."""

    from_: datetime | None = None
    to: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.from_ is None and self.to is None


@dataclass(frozen=True, slots=True)
class AmountRange:
    """Amounts in minor units, both ends included, in some currencies."""

    low: int
    high: int
    currencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """What all PaymentIntents of a list have in common; None and empty where it does not matter.

    Of `amounts` one has to fit. A `reference_prefix` is the beginning of an id, of one of the `kinds`.
    """

    status: str | None = None
    flag: Flag | None = None
    reference: Reference | None = None
    customer: str | None = None
    amount: int | None = None
    currency: str | None = None
    card_last4: str | None = None
    created: Range = Range()
    paid: Range = Range()
    ids: tuple[UUID, ...] | None = None
    reference_prefix: str | None = None
    kinds: tuple[Kind, ...] = ()
    email_hash: bytes | None = None
    amounts: tuple[AmountRange, ...] = ()


def query_of(filters: Filters, page: Page) -> tuple[str, list[object]]:
    """Return the statement that lists a page and one row more, and its values."""
    query = _conditions_of(filters)
    is_by_payment = not filters.paid.is_open
    if page.after is not None and is_by_payment:
        query.add("(p.paid_at, p.id) < ({}, {})", page.after.at, page.after.id)
    elif page.after is not None:
        query.add("p.id < {}", page.after.id)
    order = "p.paid_at DESC, p.id DESC" if is_by_payment else "p.id DESC"
    limit = page.limit + 1
    sql = f"SELECT p.* FROM payment_intents AS p WHERE {query.where} ORDER BY {order} LIMIT {limit}"  # noqa: S608 - our own text
    return sql, query.values


def _conditions_of(filters: Filters) -> Conditions:
    query, created, paid, reference = Conditions(), filters.created, filters.paid, filters.reference
    query.add("p.status = {}", filters.status)
    if filters.flag is not None:
        query.add("p.flags <> '[]' AND p.flags ? {}", filters.flag)
    if reference is not None:
        query.add("p.reference_kind = {} AND p.reference_id = {}", reference.kind, reference.id)
    query.add("p.requested_terms ->> 'customer' = {}", filters.customer)
    query.add("p.amount = {}", filters.amount)
    query.add("p.currency = {}", filters.currency)
    query.add(
        "EXISTS (SELECT FROM payment_attempts AS a WHERE a.payment_intent_id = p.id AND a.card_last4 = {})",
        filters.card_last4,
    )
    if created.from_ is not None:
        query.add("p.id >= {} AND p.created_at >= {}", _first_id(created.from_ - CLOCKS_DIFFER_BY), created.from_)
    if created.to is not None:
        query.add("p.id < {} AND p.created_at < {}", _first_id(created.to + CLOCKS_DIFFER_BY), created.to)
    query.add("p.paid_at >= {}", paid.from_)
    query.add("p.paid_at < {}", paid.to)
    query.add("p.id = ANY ({})", filters.ids)
    if filters.reference_prefix is not None:
        query.add(
            "p.reference_id LIKE {} AND p.reference_kind = ANY ({})", _like(filters.reference_prefix), filters.kinds
        )
    query.add("p.email_hash = {}", filters.email_hash)
    if filters.amounts:
        one = "p.amount BETWEEN {} AND {} AND p.currency = ANY ({})"
        values = [value for each in filters.amounts for value in (each.low, each.high, each.currencies)]
        query.add(f"({' OR '.join([one] * len(filters.amounts))})", *values)
    return query


def _like(prefix: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", prefix) + "%"


def _first_id(at: datetime) -> UUID:
    """Return the lowest id (UUID, version 7) of a millisecond."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


async def list_payment_intents(database: Database, filters: Filters, page: Page) -> Sequence[PaymentIntentState]:
    """Return a page of PaymentIntents and one more, newest first."""
    sql, values = query_of(filters, page)
    return [payment_intent_of(record) for record in await fetch_planned(database, sql, *values)]


async def find_payment_intent(database: Database, name: str) -> PaymentIntentState | None:
    """Return a PaymentIntent by our id, by Stripe's, or by that of its Checkout Session or of a Charge."""
    stripe_id, row_id = (name, None) if "_" in name else (None, UUID(name))
    found = await database.fetchrow(
        """
        SELECT * FROM payment_intents
        WHERE id = $1 OR stripe_id = $2 OR checkout_id = $2
            OR id = (SELECT payment_intent_id FROM payment_attempts WHERE key = $2)
        """,
        row_id,
        stripe_id,
    )
    return payment_intent_of(found) if found else None

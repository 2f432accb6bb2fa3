"""Find payments by what a person knows of them."""

from dataclasses import replace
from datetime import UTC, datetime

from app.http.pagination import Page
from app.payment_intents import service as payment_intents
from app.payment_intents.email import email_hash
from app.payment_intents.listing import Filters
from app.resources import Resources
from app.search import repository
from app.search.errors import EmailSearchDisabled, SearchNotUnderstood
from app.search.query import Search, as_reference, understand
from app.search.schemas import SearchRead

# What finds nothing as one of these may be a cart's or session's id, which has any characters.
MAY_BE_A_REFERENCE = ("id", "card_last4", "amount", "day", "email")


async def search(resources: Resources, query: str, page: Page) -> SearchRead:
    """Return the payments that fit all that is understood of a query.

    A number that finds nothing may be a cart's id. Raises SearchNotUnderstood or EmailSearchDisabled.
    """
    now = datetime.now(UTC)
    understood = understand(query, now)
    if not understood.understood:
        raise SearchNotUnderstood
    found = await _list(resources, understood, page)
    may_be_reference = understood.is_one_word and understood.understood[0].meaning in MAY_BE_A_REFERENCE
    if found.data or not may_be_reference:
        return found
    return await _list(resources, as_reference(query, now), page)


async def _list(resources: Resources, search: Search, page: Page) -> SearchRead:
    filters = await _complete(resources, search)
    return SearchRead.of(search, await payment_intents.list_payment_intents(resources, filters, page))


async def _complete(resources: Resources, search: Search) -> Filters:
    """Return the filters with what an id and an e-mail address stand for."""
    filters, name, email = search.filters, search.text_of("id"), search.text_of("email")
    if name is not None:
        filters = replace(filters, ids=tuple(await repository.find_ids(resources.database, name)))
    if email is not None:
        key = resources.settings.protocol.email_search_key
        if key is None:
            raise EmailSearchDisabled
        filters = replace(filters, email_hash=email_hash(email, key))
    return filters

"""Pages of a list: newest first, from a cursor in either direction."""

import itertools
from collections.abc import Iterable, Iterator

from sandbox.api.operation import Call
from sandbox.errors import InvalidParamError, missing
from sandbox.store import JsonObject

DEFAULT_LIMIT, MAX_LIMIT = 10, 100


def page(call: Call, newest_first: Iterable[JsonObject]) -> JsonObject:
    """Cut the page that the call asks for out of everything that matches."""
    limit = _limit(call)
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    found = within(newest_first, call.params.get("created"))
    if after is not None:
        found = _behind(found, after)
    if before is None:
        taken = list(itertools.islice(found, limit + 1))
        return as_list(call.path, taken[:limit], has_more=len(taken) > limit)
    ahead = _ahead(found, before)
    return as_list(call.path, ahead[-limit:], has_more=len(ahead) > limit)


def as_list(url: str, data: list[JsonObject], *, has_more: bool = False) -> JsonObject:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def within(newest_first: Iterable[JsonObject], bounds: dict[str, int] | None) -> Iterator[JsonObject]:
    """Keep what was created within the bounds; stop at the first that is too old, as the clock never goes back."""
    if not bounds:
        return iter(newest_first)
    oldest = max(bounds.get("gte", 0), bounds.get("gt", -1) + 1)
    newest = min(bounds.get("lte", 1 << 62), bounds.get("lt", 1 << 62) - 1)
    recent = itertools.takewhile(lambda value: value["created"] >= oldest, newest_first)
    return (value for value in recent if value["created"] <= newest)


def _limit(call: Call) -> int:
    limit: int = call.params.get("limit", DEFAULT_LIMIT)
    if limit < 1:
        message = "This value must be greater than or equal to 1."
        raise InvalidParamError(message, code="parameter_invalid_integer", param="limit")
    return min(limit, MAX_LIMIT)


def _behind(found: Iterator[JsonObject], cursor: str) -> Iterator[JsonObject]:
    for value in found:
        if value["id"] == cursor:
            return found
    raise missing("object", cursor, "starting_after")


def _ahead(found: Iterator[JsonObject], cursor: str) -> list[JsonObject]:
    ahead: list[JsonObject] = []
    for value in found:
        if value["id"] == cursor:
            return ahead
        ahead.append(value)
    raise missing("object", cursor, "ending_before")

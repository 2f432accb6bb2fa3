"""The rules of the API's fields in words: what a caller reads instead of a regular expression."""

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]

_WORDS: dict[str, str] = {}


def rule(pattern: str, words: str) -> str:
    """Keep a pattern's words, which follow "Must be", and return the pattern."""
    _WORDS[pattern] = words
    return pattern


def words_of(pattern: str) -> str:
    """Return the words of a pattern. Raises KeyError for one that nobody gave any: a test finds it first."""
    return _WORDS[pattern]


# By pydantic's kind of fault. Limits are in its context.
_SENTENCES: dict[str, Callable[[Context], str]] = {
    "missing": lambda _: "Is required.",
    "extra_forbidden": lambda _: "Is not a field of this request.",
    "greater_than_equal": lambda ctx: f"Must be at least {ctx['ge']}.",
    "greater_than": lambda ctx: f"Must be more than {ctx['gt']}.",
    "less_than_equal": lambda ctx: f"Must be at most {ctx['le']}.",
    "string_pattern_mismatch": lambda ctx: f"Must be {words_of(ctx['pattern'])}.",
    "string_too_short": lambda ctx: f"Must have at least {_count(ctx['min_length'], 'character')}.",
    "string_too_long": lambda ctx: f"Must have at most {_count(ctx['max_length'], 'character')}.",
    "too_long": lambda ctx: f"Must have at most {_count(ctx['max_length'], 'entry', 'entries')}.",
    "literal_error": lambda ctx: f"Must be one of {ctx['expected'].replace(' or ', ', ')}.",
    "value_error": lambda ctx: f"{str(ctx['error'])[:1].upper()}{str(ctx['error'])[1:]}.",
    "timezone_aware": lambda _: "Must be a time with its offset from UTC, as RFC 3339 has it.",
}
_KINDS = {
    "bool": "true or false",
    "date": "a day: year, month, day",
    "datetime": "a time with its offset from UTC, as RFC 3339 has it",
    "dict": "an object whose values are texts",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model": "an object",
    "string": "text",
    "url": "an address that begins with https://",
    "uuid": "an id of this service's, a UUID",
}


def explain(error: Mapping[str, Any]) -> str:
    """Return the rule that a field broke, as a sentence."""
    kind = str(error["type"])
    sentence = _SENTENCES.get(kind)
    if sentence is not None:
        return sentence(error.get("ctx", {}))
    is_a = _KINDS.get(kind.partition("_")[0])
    return f"Must be {is_a}." if is_a else f"{error['msg']}."


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"

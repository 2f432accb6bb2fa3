"""Understand what a person types to find a payment: ids, the end of a card, an amount, a day, an e-mail address."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any, Literal

from app.payment_intents.currencies import CURRENCIES, decimals_of
from app.payment_intents.listing import AmountRange, Filters, Range
from app.payment_intents.protocol.terms import KINDS
from app.payment_intents.requests import MAX_AMOUNT, UUID

Meaning = Literal["id", "card_last4", "amount", "day", "email", "reference"]

CURRENCY_NAMES = (
    dict.fromkeys(("€", "euro", "euros"), "eur")
    | dict.fromkeys(("$", "dollar", "dollars"), "usd")
    | dict.fromkeys(("£", "pound", "pounds"), "gbp")
)
# Codes that are words too, as in `try 4242`: they count in capitals alone.
WORDS = frozenset({"all", "cup", "gel", "mop", "sos", "top", "try"})
NEAR = Decimal("0.1")  # what is about an amount differs from it by no more than this part

ABOUT = frozenset({"~", "about", "around", "roughly", "circa"})
NUMBER = re.compile(r"(?P<about>~?)(?P<before>[€$£]?)(?P<number>[0-9]{1,12}(?:[.,][0-9]{1,3})?)(?P<after>[€$£]?)")
ID = re.compile(rf"(pi|cs|ch|py|re|pyr|dp|du|issfr|req|evt)_[A-Za-z0-9_]{{1,250}}|{UUID}")
EMAIL = re.compile(r"[^@\s]{1,200}@[^@\s]{1,200}")
LAST4 = re.compile(r"[0-9]{4}")

# Words that say nothing of a payment by themselves.
FILLERS = frozenset(
    "a about an and at by card customer declined ending evening failed for from in mastercard morning night of on paid"  # noqa: SIM905 - as in a sentence
    " payment refund refunded the to visa with".split()
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Understood:
    """What a part of the query was taken for, in a program's word and in a person's, and the filters that it sets.

    The value of an `id` still has to be looked up, and that of an `email` to be hashed.
    """

    text: str
    meaning: Meaning
    explanation: str
    filters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    """A query, understood: each meaning once."""

    understood: tuple[Understood, ...]
    ignored: tuple[str, ...]

    @property
    def filters(self) -> Filters:
        return replace(Filters(), **{name: value for each in self.understood for name, value in each.filters.items()})

    @property
    def is_one_word(self) -> bool:
        return len(self.understood) + len(self.ignored) == 1

    def text_of(self, meaning: Meaning) -> str | None:
        return next((each.text for each in self.understood if each.meaning == meaning), None)


def understand(query: str, now: datetime) -> Search:
    """Return what the query says. A word without any other sense is the beginning of a cart's or session's id.

    Of two parts with the same meaning the first counts.
    """
    understood: dict[Meaning, Understood] = {}
    ignored = []
    for phrase in _phrases(query):
        found = None if phrase.lower() in FILLERS else _read(phrase, now)
        if found is None or found.meaning in understood:
            ignored.append(phrase)
        else:
            understood[found.meaning] = found
    return Search(tuple(understood.values()), tuple(ignored))


def as_reference(query: str, now: datetime) -> Search:
    """Return what a query says if all of it is the beginning of a cart's or session's id, whatever it looks like."""
    return Search((_reference(query.strip(), now),), ())


def _phrases(query: str) -> Iterator[str]:
    """Split a query into words; an amount is one of them, as in `about 25 euros`."""
    words = list(filter(None, (word.strip(",;") for word in query.split())))
    while words:
        length = _length_of_amount(words) or 1
        yield " ".join(words[:length])
        words = words[length:]


def _length_of_amount(words: Sequence[str]) -> int:
    """Return of how many words an amount at the beginning is: `about`, a currency, the number, a currency."""
    begin = 1 if words[0].lower() in ABOUT else 0
    begin += 1 if begin < len(words) and _currency_of(words[begin]) else 0
    if begin == len(words) or not NUMBER.fullmatch(words[begin]):
        return 0
    end = begin + 1
    return end + 1 if end < len(words) and _currency_of(words[end]) else end


def _currency_of(word: str) -> str | None:
    code = word.lower()
    is_code = code in CURRENCIES and (code not in WORDS or word.isupper())
    return CURRENCY_NAMES.get(code) or (code if is_code else None)


def _read(phrase: str, now: datetime) -> Understood | None:
    return next((found for read in READERS if (found := read(phrase, now)) is not None), None)


def _id(phrase: str, _: datetime) -> Understood | None:
    return Understood(phrase, "id", f"the id {phrase}") if ID.fullmatch(phrase) else None


def _email(phrase: str, _: datetime) -> Understood | None:
    return Understood(phrase, "email", "the receipt's e-mail address") if EMAIL.fullmatch(phrase) else None


def _last4(phrase: str, _: datetime) -> Understood | None:
    if not LAST4.fullmatch(phrase):
        return None
    return Understood(phrase, "card_last4", f"a card that ends in {phrase}", {"card_last4": phrase})


def _day(phrase: str, now: datetime) -> Understood | None:
    day = _date_of(phrase.lower(), now.date())
    if day is None:
        return None
    begin = datetime.combine(day, time(), UTC)
    made = Range(begin, begin + timedelta(days=1))
    return Understood(phrase, "day", f"begun on {day:%A, %Y-%m-%d} (UTC)", {"created": made})


def _date_of(word: str, today: date) -> date | None:
    """Read `today`, `yesterday`, a day of the last week, `2026-11-26` or `26.11.2026`."""
    if word in {"today", "yesterday"}:
        return today - timedelta(days=word == "yesterday")
    if word in WEEKDAYS:
        return today - timedelta(days=(today.weekday() - WEEKDAYS.index(word) - 1) % 7 + 1)
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            day = datetime.strptime(word, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        return day if 2000 <= day.year < 9999 else None  # noqa: PLR2004 - as pagination's bounds
    return None


def _amount(phrase: str, _: datetime) -> Understood | None:
    words = phrase.split()
    number = next((match for word in words if (match := NUMBER.fullmatch(word))), None)
    if number is None:
        return None
    is_about = bool(number["about"]) or words[0].lower() in ABOUT
    currency = next(filter(None, map(_currency_of, [*words, number["before"], number["after"]])), None)
    value = Decimal(number["number"].replace(",", "."))
    ranges = tuple(_ranges(value, currency, NEAR if is_about else Decimal(0)))
    if not ranges:
        return None
    text = f"{'about ' if is_about else ''}{value} {currency.upper() if currency else 'in any currency'}"
    return Understood(phrase, "amount", text, {"amounts": ranges})


def _ranges(number: Decimal, currency: str | None, near: Decimal) -> Iterator[AmountRange]:
    """Return the amounts in minor units that a number may mean: it depends on the currency's decimals."""
    for decimals in (0, 2, 3):
        low, high = (number * factor * 10**decimals for factor in (1 - near, 1 + near))
        currencies = tuple(sorted(each for each in CURRENCIES if decimals_of(each) == decimals))
        if currency is not None:
            currencies = (currency,) if currency in currencies else ()
        is_whole = near or low == int(low)
        if currencies and is_whole and 1 <= high <= MAX_AMOUNT:
            yield AmountRange(max(1, ceil(low)), floor(high), currencies)


def _reference(phrase: str, _: datetime) -> Understood:
    kind, *rest = phrase.split(":", 1)
    after = "".join(rest)
    is_named = kind in KINDS and after != ""
    kinds, begins = ((KINDS[kind],), after) if is_named else (tuple(KINDS.values()), phrase)
    explanation = f"a {' or '.join(kinds)} whose id begins with {begins}"
    return Understood(phrase, "reference", explanation, {"reference_prefix": begins, "kinds": kinds})


READERS: tuple[Callable[[str, datetime], Understood | None], ...] = (_id, _email, _day, _last4, _amount, _reference)

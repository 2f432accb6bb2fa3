"""What a person types is understood, and said back."""

from datetime import UTC, datetime

import pytest

from app.payment_intents.listing import Filters, Range
from app.search.query import Meaning, understand

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)  # a Friday


def _meanings(query: str) -> dict[Meaning, str]:
    return {each.meaning: each.text for each in understand(query, NOW).understood}


def _filters(query: str) -> Filters:
    return understand(query, NOW).filters


@pytest.mark.parametrize(
    ("query", "meanings"),
    [
        ("4242", {"card_last4": "4242"}),
        ("4242 24.99 yesterday", {"card_last4": "4242", "amount": "24.99", "day": "yesterday"}),
        (
            "a customer, card ending 4242, about 25 euros, yesterday evening",
            {"card_last4": "4242", "amount": "about 25 euros", "day": "yesterday"},
        ),
        ("€25", {"amount": "€25"}),
        ("25 €", {"amount": "25 €"}),
        ("~1500", {"amount": "~1500"}),
        ("1500 usd", {"amount": "1500 usd"}),
        ("EUR 24,99", {"amount": "EUR 24,99"}),
        ("25", {"amount": "25"}),
        ("try 4242", {"reference": "try", "card_last4": "4242"}),
        ("TRY 4242", {"amount": "TRY 4242"}),
        ("cart-10", {"reference": "cart-10"}),
        ("session:s1", {"reference": "session:s1"}),
        ("usd", {"reference": "usd"}),
        ("all25", {"reference": "all25"}),
        ("Ada@Example.com 4242", {"email": "Ada@Example.com", "card_last4": "4242"}),
        ("019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11", {"id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11"}),
        *((name, {"id": name}) for name in ("pi_1", "ch_1", "re_1", "pyr_1", "dp_1", "du_1")),
        *((name, {"id": name}) for name in ("issfr_1", "req_1", "evt_1")),
        ("2026-11-26", {"day": "2026-11-26"}),
        ("26.11.2026", {"day": "26.11.2026"}),
        ("31.02.2026", {"reference": "31.02.2026"}),
        ("the customer on", {}),
        ("gid://shopify/Cart/1", {"reference": "gid://shopify/Cart/1"}),
    ],
)
def test_each_part_is_taken_for_something(query: str, meanings: dict[Meaning, str]) -> None:
    assert _meanings(query) == meanings


def test_what_made_no_difference_is_said() -> None:
    assert understand("card 4242 or 1881", NOW).ignored == ("card", "1881")
    assert [each.text for each in understand("card 4242 or 1881", NOW).understood] == ["4242", "or"]


@pytest.mark.parametrize(
    ("query", "currency", "low", "high"),
    [
        ("24.99", "eur", 2499, 2499),
        ("24,99 €", "eur", 2499, 2499),
        ("25", "jpy", 25, 25),
        ("25", "kwd", 25_000, 25_000),
        ("24.999", "kwd", 24_999, 24_999),
        ("about 25 euros", "eur", 2250, 2750),
        ("~24.99", "eur", 2250, 2748),
    ],
)
def test_an_amount_is_in_minor_units_of_its_currency(query: str, currency: str, low: int, high: int) -> None:
    [found] = [each for each in _filters(query).amounts if currency in each.currencies]
    assert (found.low, found.high) == (low, high)


def test_an_amount_fits_only_currencies_that_have_its_decimals() -> None:
    assert {currency for each in _filters("24.99").amounts for currency in each.currencies} >= {"eur", "kwd"}
    assert not any("jpy" in each.currencies for each in _filters("24.99").amounts)
    assert [each.currencies for each in _filters("24.99 usd").amounts] == [("usd",)]


@pytest.mark.parametrize(
    ("word", "first"),
    [("today", 27), ("yesterday", 26), ("thursday", 26), ("friday", 20), ("saturday", 21)],
)
def test_a_day_is_a_whole_one(word: str, first: int) -> None:
    assert _filters(word).created == Range(
        datetime(2026, 11, first, tzinfo=UTC), datetime(2026, 11, first + 1, tzinfo=UTC)
    )

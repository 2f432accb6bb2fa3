"""No regular expression of the service takes more than linear time, whatever a stranger makes of its input.

They are collected: patterns in modules and classes, literals in calls of `re`, and the paths of routes. What pydantic
matches (`StringConstraints`) runs on Rust's engine, which is linear by construction.
"""

import ast
import importlib
import math
import pkgutil
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined] # the parser's own names
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import app
from app.main import create_app
from app.settings import Settings

ROOT = Path(app.__file__).parent
SMALL, LARGE = 1_000, 8_000  # characters
QUICK = 0.001  # seconds; what is faster for the large one can't be measured, and can't hurt
MAX_GROWTH = 24  # eight times the text, and room for a busy machine; the square would be 64
LEAST_READINGS, MOST_READINGS = 2, 5  # a busy machine makes a reading longer, never shorter: the least is the nearest

Expression = re.Pattern[Any]


def _in_value(value: object, depth: int = 4) -> Iterator[Expression]:
    if depth == 0:
        return
    match value:
        case re.Pattern():
            yield value
        case list() | tuple() | set() | frozenset():
            for each in value:
                yield from _in_value(each, depth - 1)
        case dict():
            yield from _in_value(list(value.values()), depth)
        case type() if value.__module__.startswith("app."):
            yield from _in_value([each for each in vars(value).values() if not isinstance(each, type)], depth)


def _in_modules() -> Iterator[Expression]:
    for module in pkgutil.walk_packages([str(ROOT)], "app."):
        if not module.name.endswith("__main__"):
            yield from _in_value(list(vars(importlib.import_module(module.name)).values()))


def _in_calls() -> Iterator[Expression]:
    """Find what is written at its place of use: `re.sub(r"…", …)`."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str | bytes)
            ):
                yield re.compile(node.args[0].value)


def _in_routes() -> Iterator[Expression]:
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://localhost/none",
            "instance": "test",
            "stripe_secret_key": "none",
            "stripe_webhook_secret": "none",
        }
    )
    for route in create_app(settings).routes:
        yield from _in_value(getattr(route, "path_regex", None))


EXPRESSIONS = {
    (each.pattern, each.flags): each for found in (_in_modules(), _in_calls(), _in_routes()) for each in found
}


def _samples(items: Iterable[Any]) -> Iterator[str]:
    """Return a text for each part of a parsed expression that would match that part."""
    items = list(items)
    yield "".join(chr(value) for kind, value in items if kind is kinds.LITERAL)
    for kind, value in items:
        if kind is kinds.LITERAL:
            yield chr(value)
        elif kind is kinds.IN:
            yield from (chr(each) for name, each in value if name is kinds.LITERAL)
            yield from (chr(each[0]) for name, each in value if name is kinds.RANGE)
        elif kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT}:
            yield from _samples(value[2])
        elif kind is kinds.SUBPATTERN:
            yield from _samples(value[3])
        elif kind is kinds.BRANCH:
            for branch in value[1]:
                yield from _samples(branch)
        elif kind is kinds.ATOMIC_GROUP:
            yield from _samples(value)


def _pumps(expression: Expression) -> set[str]:
    """Return what to repeat: each part of the expression, and parts joined by what often stands between them."""
    parts = {part for part in _samples(parser.parse(expression.pattern, expression.flags)) if part}
    joined = {part + glue for part in parts for glue in ("-", ".", " ", "=", ":", '"', "a", "0", "4")}
    return parts | joined | {"a", "0", "4", " ", "-", "_", '"', "\\", "eyJ-", "4242 ", "a.", "a-"}


def _seconds(expression: Expression, text: str) -> float:
    subject = text.encode("latin-1", "replace") if isinstance(expression.pattern, bytes) else text
    began = time.thread_time()
    expression.search(subject)
    expression.fullmatch(subject)
    return time.thread_time() - began


def _growth(expression: Expression, pump: str, end: str) -> float:
    small, large = (pump * (size // len(pump)) + end for size in (SMALL, LARGE))
    if _seconds(expression, large) < QUICK:
        return 0
    few = many = math.inf
    for reading in range(1, MOST_READINGS + 1):
        few = min(few, _seconds(expression, small))
        many = min(many, _seconds(expression, large))
        if reading >= LEAST_READINGS and many / few <= MAX_GROWTH:
            break
    return many / few if many > QUICK else 0


def test_expressions_are_found_everywhere() -> None:
    patterns = [pattern for pattern, _ in EXPRESSIONS]
    assert len(patterns) > 20
    assert any("eyJ" in str(pattern) for pattern in patterns)  # in a list of a module
    assert any(str(pattern).startswith("(?:sk|rk)_(live|test)_") for pattern in patterns)  # in a call
    assert any("?P<kind>" in str(pattern) for pattern in patterns)  # of a route


def test_a_quadratic_expression_would_be_noticed() -> None:
    assert _growth(re.compile(r"[\w-]+\."), "a-", "!") > MAX_GROWTH


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=lambda each: repr(each.pattern)[:60])
def test_an_expression_takes_linear_time(expression: Expression) -> None:
    growths = {
        (pump, end): growth
        for pump in _pumps(expression)
        for end in ("", "!\x00")
        if (growth := _growth(expression, pump, end)) > MAX_GROWTH
    }
    assert growths == {}

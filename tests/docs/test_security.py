"""SECURITY.md promises only what a test shows: each row of its tables names tests that exist."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import read, rows, section

TESTS = Path(__file__).parents[1]
NAMED = re.compile(r"`([a-z_]+/test_[a-z_]+\.py)`")
PAGE = read("SECURITY.md")
ROWS = [*rows(section(PAGE, "## What we promise")), *rows(section(PAGE, "## Threats"))]


def test_every_promise_and_threat_names_a_test() -> None:
    assert len(ROWS) > 25
    assert [row for row in ROWS if not NAMED.findall(row[-1])] == []


@pytest.mark.parametrize("name", sorted(set(NAMED.findall(PAGE))))
def test_a_named_test_exists(name: str) -> None:
    assert "def test_" in (TESTS / name).read_text(encoding="utf-8")

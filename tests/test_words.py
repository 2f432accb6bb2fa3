"""The code and the docs use the field's words, and none of those that only their authors knew.

To retire a word, add a line to WORDS with what to say instead. A pattern matches whole words, also as a part of a name:
`door` is found in `open_door`, not in `indoor`. When a word has a proper sense too, narrow the pattern down and add a
sentence with that sense to FINE.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("app", "model", "sandbox", "docs", "README.md")


class Word(NamedTuple):
    pattern: str
    instead: str
    places: tuple[str, ...] = PLACES


WORDS = (
    # Metaphors
    Word("(?i:doors?)", "locked reference; one function records"),
    Word("(?i:wish(es|ed)?)(?! list)", "desired state; command; request"),
    Word("(?i:doubt(s|ed|ful)?)", "unknown outcome"),
    Word("(?i:ledgers?)", "attempt history"),
    Word("news", "new; changed"),
    Word("(?i:(un)?settle[sd]?)(?!_delay)", "repair; is_final; finish", ("app", "model", "docs", "README.md")),
    Word("foresee[sn]?|let_in|let_go|hand_on|in_line|_birth", "classify; apply; _release_lease; _yield_to_newer"),
    Word("obituary|patience", "exit message; deadline"),
    Word("as told|told(?= :?= )|attempts_told", "as reported; outcome; attempt_notifications"),
    # Names
    Word("(?i:intake)", "EventBatcher"),
    Word("class (Told|Arrival|Way)|(Told|Way)(?= = )", "WebhookObject; IncomingEvent; LockedIntent"),
    Word("class Turns?|resources.turns", "SingleFlight"),
    Word("class (Name|Marks|Run|Rules|Answer|Asked|Route|Pace)", "a name that says which", ("app",)),
    Word("class (Desk|Undone)|desk", "FakeDatabase; RolledBack", ("model",)),
    Word("KeyTaken|StoredFailure|NothingDone", "IdempotencyKeyConflict; ReplayedServerError; StripeNotReached"),
    Word("is_converged|not_converged|not_adopted", "is_synced; sync_pending; recovery_pending"),
    Word("needs_sync|check_at", "needs_refresh; recheck_after"),
    Word("(?<!_)(AWAY|SIGNS|LOUD|SELF_WILLED|KEPT)(?!_)", "a noun with its unit, as UNAVAILABLE_SQLSTATES"),
)

# A docstring begins with what the reader gets: "Return …", "Raise …", "Whether …".
DOCSTRING = re.compile(r"^(Give|Tell)s? (?!up\b)|; (give|tell) (?!up\b)")

FINE = (
    "Turn a query into a test; AND and OR cannot be mixed. Turns off the cancelling.",
    "No one is indoors, and the newsletter is out.",
    "After the settlement the funds clear; `settle_delay` is a setting of the sandbox.",
    "The class of a Route, the Name of a cart, Rules of the bank, an Answer.",
    "The customer is told apart by id. The arrival of a webhook, on its way.",
    "date_of_birth, a wish list, a help desk's page, KEPT_SECONDS, ALWAYS_KEPT",
)

FOUND = (
    "async with open_door(session) as door:",
    "Unavailable (the wish stands).",
    "mark_in_doubt(row)",
    "is_news = True",
    "await recovery.settle(resources)",
    "self._birth(row)",
    "Told = PaymentIntentSnapshot | ChargeSnapshot",
    "turn = resources.turns.of(reference)",
    '"code": "not_converged"',
    "row.needs_sync = True",
    "KEPT = timedelta(days=30)",
)


def _whole(word: Word) -> re.Pattern[str]:
    """Return a pattern for the word that does not match inside another one."""
    return re.compile(rf"(?<![A-Za-z])(?:{word.pattern})(?![A-Za-z])")


def _files(places: tuple[str, ...] = PLACES) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each docstring with the number of its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.body[0].lineno if node.body else 0), ast.get_docstring(node) or ""


def _uses(word: Word, path: Path) -> list[str]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    pattern = _whole(word)
    return [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in lines if pattern.search(line)]


def _bad_docstrings(path: Path) -> list[str]:
    if path.suffix != ".py":
        return []
    found = [(number, text) for number, text in _docstrings(path) if DOCSTRING.search(text)]
    return [f"{path.relative_to(ROOT)}:{number}: {text.splitlines()[0]}" for number, text in found]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.pattern)
def test_a_retired_word_is_nowhere(word: Word) -> None:
    uses = [use for path in _files(word.places) for use in _uses(word, path)]
    assert uses == [], f"say instead: {word.instead}"


def test_a_docstring_begins_with_a_plain_verb() -> None:
    found = [use for path in _files() for use in _bad_docstrings(path)]
    assert found == [], "say Return, Raise, Whether or another verb that names the result"


@pytest.mark.parametrize("sentence", FINE)
def test_a_proper_sense_is_left_alone(sentence: str) -> None:
    assert [word.pattern for word in WORDS if word.places == PLACES and _whole(word).search(sentence)] == []


@pytest.mark.parametrize("line", FOUND)
def test_a_retired_word_is_found(line: str) -> None:
    assert any(_whole(word).search(line) for word in WORDS)

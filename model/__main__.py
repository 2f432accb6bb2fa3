"""Explore every configuration, or those whose names contain one of the words: `python -m model attach capture`."""

import sys
from collections.abc import Iterator
from typing import Any

from model import refunds
from model.configurations import LARGE, SMALL
from model.explore import Model, explore
from model.payments import model_of


def _models() -> Iterator[Model[Any]]:
    yield from (model_of(configuration) for configuration in SMALL + LARGE)
    yield from refunds.models()


def main(words: list[str]) -> int:
    """Print the result of each exploration; 1 when one is not as expected."""
    is_expected, states = True, 0
    for model in _models():
        if words and not any(word in model.name for word in words):
            continue
        result = explore(model)
        print(result, flush=True)
        if traces := result.describe():
            print(traces, flush=True)
        is_expected &= result.is_expected
        states += result.states
    print(f"{states:,} states, {'as expected' if is_expected else 'NOT as expected'}")
    return 0 if is_expected else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

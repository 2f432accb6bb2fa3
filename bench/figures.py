"""What was measured, and where it is kept: one JSON file for each suite in `results/`."""

import json
import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one contender under one load in one round."""

    load: str
    contender: str
    name: str
    value: float


class Figures:
    """All values of some suites."""

    def __init__(self, figures: Iterable[Figure] = (), notes: Iterable[str] = ()) -> None:
        self.all = list(figures)
        self.notes = list(notes)

    def add(self, load: str, contender: str, **values: float) -> None:
        """Keep the values of one round, and print them."""
        self.all += [Figure(load, contender, name, value) for name, value in values.items()]
        print(
            f"  {load:34}{contender:14}" + "  ".join(f"{name} {value:.4g}" for name, value in values.items()),
            flush=True,
        )

    def median(self, load: str, contender: str, name: str) -> float | None:
        """Return the median over the rounds, None for what was not measured."""
        values = self.values(load, contender, name)
        return statistics.median(values) if values else None

    def values(self, load: str, contender: str, name: str) -> list[float]:
        """Return the values of all rounds, in their order."""
        wanted = (load, contender, name)
        return [each.value for each in self.all if (each.load, each.contender, each.name) == wanted]


def write(suite: str, figures: Figures) -> None:
    RESULTS.mkdir(exist_ok=True)
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "notes": figures.notes,
        "figures": [asdict(figure) for figure in figures.all],
    }
    (RESULTS / f"{suite}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_all() -> tuple[Figures, list[str]]:
    """Return what all suites measured last, and on which machines."""
    figures, machines = Figures(), []
    for file in sorted(RESULTS.glob("*.json")):
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        figures.all += [Figure(**each) for each in content["figures"]]
        figures.notes += content["notes"]
        machines.append(f"{file.stem}: {content['machine']}, {content['measured_at'][:10]}")
    return figures, machines


def _machine() -> str:
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{os.cpu_count()} cores, {memory} GiB, Python {platform.python_version()}, {platform.system()}"

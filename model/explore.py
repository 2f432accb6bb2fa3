"""Look at every state that can be reached, breadth first: the first trace that breaks a promise is a shortest."""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

# More would not fit into 4 GiB.
MAX_STATES = 2_000_000


@dataclass(frozen=True)
class Model(Generic[S]):
    """Where it begins, what can happen next (with its name), and which promises a state breaks ("kind: what").

    `excused` are the kinds of promises that the code is known to break here. That is reported, and so is one that
    holds again: then it is to be excused no longer.
    """

    name: str
    begin: Callable[[], S]
    successors: Callable[[S], Iterator[tuple[str, S]]]
    broken: Callable[[S], Iterator[str]]
    excused: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Result:
    """What an exploration came to: a trace for each kind of promise that is broken."""

    name: str
    states: int
    seconds: float
    is_whole: bool
    traces: dict[str, tuple[str, list[str]]]
    excused: frozenset[str]

    @property
    def is_expected(self) -> bool:
        return self.is_whole and set(self.traces) == self.excused

    def __str__(self) -> str:
        known = "as known" if self.excused else ""
        outcome = f"BROKEN {known}".strip() if self.traces else "holds"
        outcome += "" if self.is_whole else ", CUT SHORT"
        outcome += "".join(f", {kind.upper()} HOLDS NOW" for kind in sorted(self.excused - set(self.traces)))
        return f"{self.name:<60} {self.states:>9,} states {self.seconds:>4.0f} s  {outcome}"

    def describe(self) -> str:
        """Return how each broken promise comes to be broken."""
        lines: list[str] = []
        for promise, trace in self.traces.values():
            lines += [f"    {promise}", *(f"      {number:>2}. {line}" for number, line in enumerate(trace, 1))]
        return "\n".join(lines)


def explore(model: Model[S], *, max_states: int = MAX_STATES, is_first_enough: bool = False) -> Result:
    """Look at all states, or until one breaks a promise."""
    began = time.monotonic()
    first = model.begin()
    parents: dict[S, S | None] = {first: None}
    queue = deque([first])
    traces: dict[str, tuple[str, list[str]]] = {}
    while queue and len(parents) <= max_states and not (traces and is_first_enough):
        state = queue.popleft()
        for promise in model.broken(state):
            kind = promise.partition(":")[0]
            if kind not in traces:
                traces[kind] = promise, _trace(model, parents, state)
        for _, after in model.successors(state):
            if after not in parents:
                parents[after] = state
                queue.append(after)
    seconds = time.monotonic() - began
    return Result(model.name, len(parents), seconds, not queue, traces, model.excused)


def _trace(model: Model[S], parents: dict[S, S | None], state: S) -> list[str]:
    """Return how a state was reached."""
    trace: list[str] = []
    while (before := parents[state]) is not None:
        trace.append(next(name for name, after in model.successors(before) if after == state))
        state = before
    return trace[::-1]

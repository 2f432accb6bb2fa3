"""The goals, and the table that holds what was measured against them."""

from dataclasses import dataclass
from typing import Literal

from bench.figures import Figures

Relation = Literal["≥", "≤"]


@dataclass(frozen=True, slots=True)
class Row:
    """One goal: a value of the service, or how many times the other contender's it is."""

    title: str
    load: str
    value: str
    relation: Relation
    goal: float
    unit: str = ""
    other: str | None = None
    ours: str = "service"
    aggregate: Literal["median", "max"] = "median"

    def measured(self, figures: Figures) -> float | None:
        ours = self._ours(figures)
        if self.other is None or ours is None:
            return ours
        other = figures.median(self.load, self.other, self.value)
        return None if other is None else ours / other

    def _ours(self, figures: Figures) -> float | None:
        if self.aggregate == "max":
            return max(figures.values(self.load, self.ours, self.value), default=None)
        return figures.median(self.load, self.ours, self.value)

    def cells(self, figures: Figures) -> list[str]:
        """Return what, ours, the other's, the result, the goal, and whether it is met."""
        ours, measured = self._ours(figures), self.measured(figures)
        other = figures.median(self.load, self.other, self.value) if self.other else None
        unit = f" × {self.other}" if self.other else f" {self.unit}"
        is_met = (
            None if measured is None else (measured >= self.goal if self.relation == "≥" else measured <= self.goal)
        )
        return [
            self.title,
            _number(ours),
            _number(other) if self.other else "",
            "not measured" if measured is None else f"{measured:.2f}{unit}",
            f"{self.relation} {self.goal:g}{unit}",
            {True: "yes", False: "no", None: "–"}[is_met],
        ]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough


# The lists, searches and the timeline of `reads`, each as a caller asks for it.
READS = {
    "newest": "the list, newest first",
    "status": "the list by status",
    "flag": "the list by flag",
    "reference": "the list by cart",
    "customer": "the list by customer",
    "amount": "the list by amount",
    "currency": "the list by currency",
    "card": "the list by the end of a card",
    "created": "the list by time of creation",
    "paid": "the list by time of payment",
    "combined": "the list by several of these",
    "search-person": "a search for `4242 about 25 euros yesterday`",
    "search-amount": "a search for an amount",
    "search-day": "a search for a day",
    "search-beginning": "a search for the beginning of a cart's id",
    "search-id": "a search for an id",
    "search-charge": "a search for a Charge",
    "timeline": "a timeline",
}

HEAD = ["Load", "ours", "the other's", "result", "goal", "met"]
ROWS = (
    Row("webhook events a second, 8 connections", "webhook-8", "per_second", "≥", 1.0, other="sync-engine"),
    Row("webhook events a second, 32 connections", "webhook-32", "per_second", "≥", 1.8, other="sync-engine"),
    Row("creates a second, 8 connections, Stripe at 0 ms", "create-8", "per_second", "≥", 0.6, other="sample"),
    Row("creates a second, 64 connections, Stripe at 100 ms", "create-64-slow", "per_second", "≥", 0.6, other="sample"),
    Row("p50 of a create, 8 connections, Stripe at 100 ms", "create-8-slow", "p50_ms", "≤", 1.1, other="sample"),
    Row("PUTs that change nothing a second, one cart", "put-same-one", "per_second", "≥", 0.5, other="sample"),
    Row("PUTs that change nothing a second, many carts", "put-same-many", "per_second", "≥", 0.5, other="sample"),
    Row("reads a second", "read", "per_second", "≥", 0.6, other="sample"),
    Row("client secrets from memory a second", "client-secret", "per_second", "≥", 0.6, other="sample"),
    Row("seconds for 500 creates at once, Stripe at 500 ms", "burst-500", "seconds", "≤", 1.3, other="sample"),
    Row("p50 of a create with a large history", "history-create", "p50_ms", "≤", 1.1, other="few", ours="many"),
    Row("p50 of a read with a large history", "history-read", "p50_ms", "≤", 1.1, other="few", ours="many"),
    Row("p50 of a webhook event with a large history", "history-webhook", "p50_ms", "≤", 1.1, other="few", ours="many"),
    Row("the sweep's search with very many open carts", "sweep", "ms", "≤", 20, "ms"),
    Row("the same when all of them are due", "sweep-due", "ms", "≤", 20, "ms"),
    *(Row(f"p95 of {what}", f"reads-{name}", "p95_ms", "≤", 20, "ms") for name, what in READS.items()),
    Row("p99 from the commit to a waiting reader of the feed", "event-to-reader", "p99_ms", "≤", 1000, "ms"),
    Row("p99 from the commit to an endpoint", "event-to-endpoint", "p99_ms", "≤", 1000, "ms"),
    Row("events a second read from the feed", "feed", "per_second", "≥", 1000, "/s"),
    Row("events a second sent to an endpoint by one worker", "notifications", "per_second", "≥", 100, "/s"),
    Row("PostgreSQL's CPU time for one webhook event", "webhook-32", "postgres_ms", "≤", 0.35, "ms"),
    Row("memory of one API process over very many requests", "memory", "mib", "≤", 130, "MiB", aggregate="max"),
    Row("start to ready, with a migrated database", "ready", "seconds", "≤", 1.5, "s"),
    Row("`python -m app --help`", "help", "seconds", "≤", 0.3, "s"),
)


def markdown(figures: Figures) -> str:
    """Return the whole table; what was not measured says so."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells(figures) for row in ROWS)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

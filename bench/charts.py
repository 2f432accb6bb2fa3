"""The charts of `docs/performance.md`, as SVG."""

from collections.abc import Iterable

import pygal
from pygal.style import Style

from bench.figures import RESULTS, Figures

STYLE = Style(
    background="white", plot_background="white", colors=("#4f46e5", "#94a3b8", "#f59e0b"), font_family="sans-serif"
)
THROUGHPUT = {
    "webhook-8": "webhook events, 8 connections",
    "webhook-32": "webhook events, 32",
    "create-8": "create, 8",
    "create-64-slow": "create, 64, Stripe at 100 ms",
    "put-same-many": "PUT that changes nothing",
    "read": "read",
    "client-secret": "client secret",
}
CONTENDERS = {"service": "this service", "sample": "Stripe's sample", "sync-engine": "sync-engine"}


def draw(figures: Figures) -> None:
    """Write each chart for which there are figures."""
    loads = [load for load in reversed(THROUGHPUT) if figures.median(load, "service", "per_second") is not None]
    if loads:
        _throughput(figures, loads)
        _cpu(figures, loads)
    if figures.values("memory", "service", "mib"):
        _memory(figures)


def _throughput(figures: Figures, loads: Iterable[str]) -> None:
    chart = pygal.HorizontalBar(
        style=STYLE, title="Requests a second, one process", js=[], legend_at_bottom=True, print_values=True
    )
    chart.value_formatter = lambda value: f"{value:,.0f}"
    chart.x_labels = [THROUGHPUT[load] for load in loads]
    for name, title in CONTENDERS.items():
        chart.add(title, [figures.median(load, name, "per_second") for load in loads])
    chart.render_to_file(str(RESULTS / "throughput.svg"))


def _cpu(figures: Figures, loads: Iterable[str]) -> None:
    chart = pygal.HorizontalStackedBar(
        style=STYLE, title="CPU time for one request, in ms", js=[], legend_at_bottom=True
    )
    chart.x_labels = [THROUGHPUT[load] for load in loads]
    chart.add("this service", [figures.median(load, "service", "cpu_ms") for load in loads])
    chart.add("PostgreSQL", [figures.median(load, "service", "postgres_ms") for load in loads])
    chart.render_to_file(str(RESULTS / "cpu.svg"))


def _memory(figures: Figures) -> None:
    chart = pygal.XY(style=STYLE, title="Memory of one API process, in MiB, by requests", js=[], show_legend=False)
    requests, used = (figures.values("memory", "service", name) for name in ("requests", "mib"))
    chart.range = (0, max(*used, 130))
    chart.add("", list(zip(requests, used, strict=True)))
    chart.render_to_file(str(RESULTS / "memory.svg"))

"""The part of `docs/performance.md` that holds figures: it is written from `results/`."""

from pathlib import Path

from bench import charts
from bench.figures import Figures, read_all
from bench.table import markdown

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench ARGS=report` -->", "<!-- end of figures -->"


def write() -> None:
    """Fill the document's table and draw its charts."""
    figures, machines = read_all()
    charts.draw(figures)
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{_section(figures, machines)}\n\n{END}{after}", encoding="utf-8")


def _section(figures: Figures, machines: list[str]) -> str:
    where = [f"- {line}" for line in (*machines, *dict.fromkeys(figures.notes))]
    return "\n".join([markdown(figures), "", "Measured on:", "", *where])

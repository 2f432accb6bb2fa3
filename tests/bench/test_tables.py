"""The benchmarks fit the service's tables, and their table says what was measured."""

import asyncpg
import pytest

from bench.database import STATEMENTS, complete, plain_url
from bench.figures import Figure, Figures
from bench.table import ROWS, Row, markdown


@pytest.mark.parametrize("name", STATEMENTS)
async def test_each_statement_fits_the_tables(database_url: str, name: str) -> None:
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        statement = await complete(connection, name)
        assert "{" not in statement
        await connection.prepare(statement)
    finally:
        await connection.close()


def _measured(load: str, **values: list[float]) -> Figures:
    return Figures(Figure(load, name, "per_second", value) for name, several in values.items() for value in several)


@pytest.mark.parametrize(
    ("ours", "is_met"), [([500, 600, 5], "yes"), ([400, 499, 1000], "no")], ids=["as much as the goal", "less"]
)
def test_a_goal_is_met_by_the_median_of_the_rounds(ours: list[float], is_met: str) -> None:
    row = Row("reads", "read", "per_second", "≥", 0.5, other="sample")
    cells = row.cells(_measured("read", service=ours, sample=[900, 1000, 1100]))
    assert cells[2] == "1,000"
    assert cells[-2:] == ["≥ 0.5 × sample", is_met]


def test_what_was_not_measured_says_so() -> None:
    lines = markdown(Figures()).splitlines()
    assert len(lines) == len(ROWS) + 2
    assert all("not measured" in line for line in lines[2:])

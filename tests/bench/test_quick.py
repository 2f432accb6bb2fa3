"""Every benchmark starts, is answered as it should be, and prints its rows of the table."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.db import migrations

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_benchmark_runs() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "failed in a round" not in ran.stdout
    assert f"| `{migrations.head()}` | " in ran.stdout
    rows = [line for line in ran.stdout.splitlines() if line.startswith("| ")]
    assert {"webhook events a second, 32 connections", "the sweep's search with very many open carts"} <= {
        row.split(" | ")[0].removeprefix("| ") for row in rows
    }

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; `make test` leaves it out, `make test-all` does not")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a space in its name that PostgreSQL's user may pass; pytest's own are for root alone."""
    with tempfile.TemporaryDirectory(prefix="payments dev ") as name:
        Path(name).chmod(0o711)
        yield Path(name)

"""The command line as a whole; what each command does is tested beside its feature."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "alembic", "asyncpg", "fastapi", "pgqueuer", "pydantic_settings", "sqlalchemy", "stripe", "uvicorn")
LIST_LOADED = f"""
import sys
from app.__main__ import app
app(sys.argv[1:], standalone_mode=False)
print("loaded:", *sorted(set(sys.modules) & set({HEAVY!r})))
"""


@pytest.mark.parametrize("words", [("--help",), ("keys", "create", "--help"), ("sync", "--help")], ids=" ".join)
def test_help_loads_nothing_of_the_service(words: tuple[str, ...]) -> None:
    command = (sys.executable, "-c", LIST_LOADED, *words)
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - this Python
    assert "Usage:" in shown
    assert shown.splitlines()[-1].split() == ["loaded:"]

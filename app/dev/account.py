"""The user that runs PostgreSQL, and a folder that this user can reach.

PostgreSQL refuses to run as root. Root therefore runs it as `nobody`, who must be able to reach the data and
the binaries. Both may lie in a checkout under /root, which only root can enter.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from app.dev.errors import DevError

if TYPE_CHECKING:
    from pathlib import Path

ROOT = 0
NOBODY = 65534  # where the system has no user of that name
PUBLIC_FOLDER = "/var/tmp"  # noqa: S108 - mkdtemp makes a private folder in it; it survives a restart, /tmp need not


class Account(NamedTuple):
    uid: int
    gid: int

    @property
    def popen_arguments(self) -> dict[str, Any]:
        if self.uid == os.getuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, path: Path) -> bool:
        """Whether this user may run the file or enter the folder, and enter all folders above it."""
        test = shutil.which("test") or "/bin/test"
        try:
            found = subprocess.run(  # noqa: S603 - the system's own `test`
                [test, "-x", path], cwd="/", check=False, **self.popen_arguments
            )
        except PermissionError:
            raise DevError(
                "PostgreSQL does not run as root, and root may not switch users here: run this as another user."
            ) from None
        return found.returncode == 0


def open_home(folder: Path) -> tuple[Path, Account]:
    """Make PostgreSQL's folder; return its real path and the account that runs PostgreSQL.

    When root starts it where `nobody` cannot reach, `folder` becomes a link into /var/tmp. Remove the link to start
    with an empty database.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if os.getuid() == ROOT and not folder.exists() and not _nobody().can_enter(folder.parent):
        folder.unlink(missing_ok=True)  # a link whose target was removed
        folder.symlink_to(tempfile.mkdtemp(prefix="payments-", dir=PUBLIC_FOLDER))
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder.resolve(), _owner(folder)


def _owner(folder: Path) -> Account:
    """Return the account that owns the data; a folder of root's is given to nobody first."""
    status = folder.stat()
    if status.st_uid != ROOT:
        return Account(status.st_uid, status.st_gid)
    nobody = _nobody()
    os.chown(folder, *nobody)
    return nobody


def _nobody() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY, NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)

"""The running server, found by PostgreSQL's `postmaster.pid`: whether it is ready, whether it runs, and its stop."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.dev.watchdog import signal_group

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.02
PID_LINE, READY_LINE = 0, 7  # of postmaster.pid, as pg_ctl reads it
# The signals that stop it, and the seconds that each has. "Fast" ends the sessions and writes a checkpoint,
# "immediate" leaves the rest to the recovery at the next start.
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
STOP_STEPS = ((FAST, 1.0), (IMMEDIATE, 0.5), (signal.SIGKILL, 1.0))


def is_ready(cluster: Path, pid: int) -> bool:
    lines = _pid_file_lines(cluster)
    return len(lines) > READY_LINE and lines[PID_LINE] == str(pid) and lines[READY_LINE].strip() == "ready"


def end_leftover(cluster: Path) -> None:
    """End the server of a launcher that was killed, and keep its pid file from stopping a new server."""
    lines = _pid_file_lines(cluster)
    if not lines:
        return
    pid = int(lines[PID_LINE])
    if _runs(pid, cluster):
        stop(pid, lambda: _runs(pid, cluster))
    if (cluster / "postmaster.pid").exists():
        _take_over_pid_file(cluster, lines)


def stop(pid: int, is_running: Callable[[], bool]) -> None:
    for number, seconds in STOP_STEPS:
        if is_running():
            signal_group(pid, number)
        deadline = time.monotonic() + seconds
        while is_running() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def _pid_file_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _runs(pid: int, cluster: Path) -> bool:
    """Whether this process is the server of this cluster, not a zombie or another program with a reused id."""
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            return False
    else:
        command = subprocess.run(  # noqa: S603 - a fixed command and a number
            ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
        ).stdout
    return f" {cluster} ".encode() in command + b" "


def _take_over_pid_file(cluster: Path, lines: list[str]) -> None:
    """Write this process's id into the file: PostgreSQL ignores a pid file that names its own parent.

    The file stays, because PostgreSQL reads from it whether sessions of the killed server still use the data.
    """
    (cluster / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

"""The running server, known by the file that PostgreSQL keeps about it: is it ready, is it there, end it."""

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
PID_LINE, READY_LINE = 0, 7  # of postmaster.pid, where pg_ctl looks too
# How it is asked to stop, and the seconds for it. "Fast" ends the sessions and writes a checkpoint,
# "immediate" leaves the rest to the recovery at the next start.
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
STOP_STEPS = ((FAST, 1.0), (IMMEDIATE, 0.5), (signal.SIGKILL, 1.0))


def is_ready(cluster: Path, pid: int) -> bool:
    lines = _pid_file_lines(cluster)
    return len(lines) > READY_LINE and lines[PID_LINE] == str(pid) and lines[READY_LINE].strip() == "ready"


def end_leftover(cluster: Path) -> None:
    """End the server of a launcher that was killed, and see to it that its file stops no new one."""
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
    """Whether it is the server of this cluster, not a zombie or a stranger with a recycled number."""
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
    """Put the number of this process in the file: PostgreSQL takes its own parent's for an old one.

    The file stays, because PostgreSQL finds there whether sessions of the killed server still use the data.
    """
    (cluster / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

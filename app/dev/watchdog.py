"""End the children of a killed parent.

A parent that gets SIGKILL cannot stop its children. So a small separate process reads from a pipe that only the parent
writes to. When the pipe closes, for any reason, that process ends every process group that is still on its list. This
works on any Unix, also for children of another user, and reaches grandchildren.

Run as a script, this file is that process. It imports only the standard library and starts in 20 ms.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

GRACE_SECONDS = 1.5  # from the first signal to SIGKILL; the next start may be waiting for this
FORGET = 0


class Watchdog:
    """The parent's side: it sends which process groups to end, and by which signal."""

    def __init__(self, *, keep_open: Collection[int] = ()) -> None:
        """`keep_open`: file descriptors that stay open (a lock stays locked) until the groups have ended."""
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", __file__],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=keep_open,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def watch(self, group: int, stop_signal: signal.Signals) -> None:
        self._send(group, stop_signal)

    def forget(self, group: int) -> None:
        """Stop watching a group that has ended: its id may be given to another program."""
        self._send(group, FORGET)

    def close(self) -> None:
        """End the groups that are still watched, then the watchdog."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _send(self, group: int, stop_signal: int) -> None:
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):  # somebody killed the watchdog: continue without it
                self._process.stdin.write(f"{group} {stop_signal}\n".encode())


def signal_group(group: int, signal_number: int) -> bool:
    """Signal a process group; return whether it exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError for zombies
        os.killpg(group, signal_number)
        return True
    return False


def outlive_parent(lines: Iterable[str]) -> None:
    groups: dict[int, int] = {}
    for line in lines:
        group, stop_signal = map(int, line.split())
        if stop_signal == FORGET:
            groups.pop(group, None)
        else:
            groups[group] = stop_signal
    end(groups)


def end(groups: dict[int, int]) -> None:
    for group, stop_signal in groups.items():
        signal_group(group, stop_signal)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(signal_group(group, 0) for group in groups):
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    outlive_parent(sys.stdin)

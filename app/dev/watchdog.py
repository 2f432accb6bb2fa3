"""End what a killed parent leaves behind.

A parent that gets SIGKILL cannot stop its children. So a small process of its own holds one end of a pipe
whose other end only the parent has: when that closes, for whatever reason, it ends every process group that
is still on its list. This works on any Unix, for children of another user too, and reaches grandchildren.

Run as a script, this file is that process; it imports nothing but the standard library, and starts in 20 ms.
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

GRACE_SECONDS = 1.5  # seconds between asking and killing; the next start may be waiting for us
FORGET = 0


class Watchdog:
    """The parent's side: it says which process groups to end, and with which signal to ask."""

    def __init__(self, *, keep_open: Collection[int] = ()) -> None:
        """`keep_open`: file descriptors that stay open (a lock stays taken) until the groups have ended."""
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

    def watch(self, group: int, ask: signal.Signals) -> None:
        self._send(group, ask)

    def forget(self, group: int) -> None:
        """Call this when the group has ended: its number may be given to a stranger."""
        self._send(group, FORGET)

    def close(self) -> None:
        """End the groups that are still watched, and the watchdog."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _send(self, group: int, ask: int) -> None:
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):  # somebody killed the watchdog: go on without
                self._process.stdin.write(f"{group} {ask}\n".encode())


def signal_group(group: int, signal_number: int) -> bool:
    """Return whether there was somebody to signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError for zombies
        os.killpg(group, signal_number)
        return True
    return False


def outlive_parent(lines: Iterable[str]) -> None:
    groups: dict[int, int] = {}
    for line in lines:
        group, ask = map(int, line.split())
        if ask == FORGET:
            groups.pop(group, None)
        else:
            groups[group] = ask
    end(groups)


def end(groups: dict[int, int]) -> None:
    for group, ask in groups.items():
        signal_group(group, ask)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(signal_group(group, 0) for group in groups):
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    outlive_parent(sys.stdin)

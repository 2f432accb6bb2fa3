"""The launcher's child processes: start them, notice when one ends, check their health, stop them all."""

from __future__ import annotations

import http.client
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from app.dev.errors import DevError
from app.dev.ports import HOST
from app.dev.watchdog import Watchdog, signal_group

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from app.dev.stop_request import StopRequest

POLL_SECONDS = 0.05
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 1.5  # from SIGTERM to SIGKILL; PostgreSQL stops after that, and all together may take 5 seconds
TAIL_LINES = 10


class StopRequested(BaseException):
    """Somebody asked the launcher to stop. This is not an error, and `except Exception` must not catch it."""


class Child(NamedTuple):
    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Children:
    """The child processes. Every wait calls `pause`, so it ends when the launcher must stop or a child has ended."""

    def __init__(self, logs: Path, stop_request: StopRequest, *, secrets: Collection[str], keep_open: int) -> None:
        """`secrets` are removed from messages. The watchdog holds the lock `keep_open` until all have ended."""
        logs.mkdir(mode=0o700, exist_ok=True)
        self._logs = logs
        self._stop_request = stop_request
        self._secrets = secrets
        self._watchdog = Watchdog(keep_open=[keep_open])
        self._started: list[subprocess.Popen[bytes]] = []
        self._required: list[Child] = []

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process that runs until the launcher stops, in its own session: only the launcher gets Ctrl-C."""
        self.require_running(name, self._spawn(name, command, environment))

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run a command to its end; return what it printed. Raises DevError when it fails."""
        process = self._spawn(name, command, environment, output=subprocess.PIPE)
        while process.poll() is None:
            self.pause()
        self._started.remove(process)  # its process id may belong to another program when the launcher stops
        self._watchdog.forget(process.pid)
        if process.returncode:
            raise DevError(self._failure_message(name, process.returncode))
        return process.communicate()[0].decode()

    def require_running(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Treat the end of this process as a failure from now on; somebody else may have started it."""
        self._required.append(Child(name, process, self.log(name)))

    def pause(self, seconds: float = POLL_SECONDS) -> None:
        """Wait. Raises StopRequested when the launcher must stop, DevError when a child has ended."""
        time.sleep(seconds)
        if self._stop_request:
            raise StopRequested
        for name, process, _ in self._required:
            if process.poll() is not None:
                raise DevError(self._failure_message(name, process.returncode))

    def wait_until_healthy(self, name: str, port: int, path: str) -> None:
        deadline = time.monotonic() + HEALTHY_SECONDS
        while status(port, path) != http.client.OK:
            if time.monotonic() > deadline:
                raise DevError(f"{name} is not healthy after {HEALTHY_SECONDS:.0f} s: look into {self.log(name)}.")
            self.pause()

    def stop(self) -> None:
        """Ask all children to stop, then kill those that still run; return when none runs."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(process.poll() is None for process in self._started):
            time.sleep(POLL_SECONDS)
        self._signal(signal.SIGKILL)
        for process in self._started:
            process.wait()
            self._watchdog.forget(process.pid)
        self._watchdog.close()

    def _signal(self, number: signal.Signals) -> None:
        """Signal whole process groups: a child that has ended may have left children of its own."""
        for process in self._started:
            signal_group(process.pid, number)

    def _spawn(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], output: int | None = None
    ) -> subprocess.Popen[bytes]:
        with self.log(name).open("wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own programs
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output or log,
                    stderr=log,
                    start_new_session=True,
                    umask=0o077,
                )
            except OSError as error:
                raise DevError(f"{name} cannot be started: {error.strerror}: {error.filename}") from error
        self._started.append(process)
        self._watchdog.watch(process.pid, signal.SIGTERM)
        return process

    def _failure_message(self, name: str, exit_code: int) -> str:
        tail = self.log(name).read_text(errors="replace").splitlines()[-TAIL_LINES:]
        how = f"exit code {exit_code}" if exit_code >= 0 else signal.Signals(-exit_code).name
        text = "\n  ".join([f"{name} stopped ({how}); the end of {self.log(name)}:", *tail])
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def status(port: int, path: str, headers: Mapping[str, str] | None = None) -> int:
    """Return the status of a GET on this machine, 0 when there is no answer. No proxy is used."""
    return get(port, path, headers)[0]


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Return the status and body of a GET, as `status` does."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()

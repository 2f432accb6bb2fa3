"""Everything at once, as `python -m app dev` starts it: real processes on free ports, one stack for a test worker."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.dev.configuration import OVERRIDES
from app.dev.ports import free_port

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
STARTS = 3  # a port that was free may be taken by the time that it is wanted


@dataclass(frozen=True)
class Stack:
    api_url: str
    api_key: str
    sandbox_url: str
    shop_url: str
    publishable_key: str
    database_url: str
    logs: Path


RUNNING = pytest.StashKey[Stack]()


def stack_of(request: pytest.FixtureRequest) -> Stack:
    """Return this worker's stack, started by the first fixture that asks; it ends with the tests."""
    stash = request.config.stash
    if RUNNING not in stash:
        undo = ExitStack()
        request.addfinalizer(undo.close)
        stash[RUNNING] = _start_somewhere(undo)
    return stash[RUNNING]


def _start_somewhere(undo: ExitStack) -> Stack:
    folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="payments-stack-")))
    folder.chmod(0o711)  # PostgreSQL's user has to pass through
    for attempt in range(STARTS):
        if stack := _start(folder, folder / f"data{attempt}", undo):
            return stack
    raise AssertionError((folder / "out").read_text())


def _start(folder: Path, data: Path, undo: ExitStack) -> Stack | None:
    ports = [word for name in ("port", "sandbox-port", "shop-port") for word in (f"--{name}", str(free_port()))]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "app", "dev", *ports, "--data-dir", str(data)],
            cwd=folder,  # where no .env names a real Stripe account
            env={name: value for name, value in os.environ.items() if name not in OVERRIDES}
            | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    undo.callback(_stop, process)
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if (data / "dev.json").exists():
            return _read(data)
        time.sleep(0.05)
    return None


def _read(data: Path) -> Stack:
    said = json.loads((data / "dev.json").read_text())
    names = ("api_url", "api_key", "sandbox_url", "shop_url", "publishable_key", "database_url")
    return Stack(**{name: said[name] for name in names}, logs=data / "logs")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(timeout=15)

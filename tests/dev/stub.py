"""Stand-ins for the launcher's children: their command lines, health checks and signals, without their work.

STUB_FAULTS, a comma-separated list, makes one misbehave: `worker:die` ends with exit code 1, `api:deaf`
ignores SIGTERM, `api:sick` never becomes healthy.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HEALTH = {"api": "/readyz", "sandbox": "/_sandbox/health", "shop": "/healthz"}


def has_fault(name: str, fault: str) -> bool:
    return f"{name}:{fault}" in os.environ.get("STUB_FAULTS", "").split(",")


class Health(BaseHTTPRequestHandler):
    """Answers 200 on the health path; 401 to a key that `keys create` did not make."""

    path_of_health = "/"
    is_sick = False

    def do_GET(self) -> None:
        if self.path == self.path_of_health:
            self.send_response(503 if self.is_sick else 200)
        else:
            self.send_response(404 if self.headers.get("Authorization") == f"Bearer {made_key()}" else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def key_file() -> Path:
    return Path(os.environ["STUB_FOLDER"]) / "key"


def made_key() -> str:
    return key_file().read_text() if key_file().exists() else ""


def note(name: str, **more: object) -> None:
    """Leave for the test what the child was told."""
    path = Path(os.environ["STUB_FOLDER"]) / f"{name}.json"
    path.with_suffix(".new").write_text(json.dumps({**os.environ, "pid": os.getpid(), **more}))
    path.with_suffix(".new").replace(path)


def serve(name: str, port: int) -> None:
    if has_fault(name, "deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Health.path_of_health, Health.is_sick = HEALTH[name], has_fault(name, "sick")
    ThreadingHTTPServer(("127.0.0.1", port), Health).serve_forever()


def work() -> None:
    """Have a child of its own, as a program may."""
    grandchild = subprocess.Popen(["/bin/sleep", "600"])
    note("worker", grandchild=grandchild.pid)
    time.sleep(600)


def create_key() -> None:
    key_file().write_text(f"key-{time.time_ns()}")
    sys.stdout.write(json.dumps({"client": "development", "key": made_key()}) + "\n")


def main() -> None:
    name, *rest = sys.argv[1:]
    if name == "app":
        name = {"serve": "api"}.get(rest[0], rest[0])
    note(name)
    if has_fault(name, "die"):
        sys.exit(f"{name} saw {sorted(os.environ.items())} and gave up")
    if name in HEALTH:
        parser = argparse.ArgumentParser()
        parser.add_argument("--port", type=int)
        serve(name, parser.parse_known_args(rest)[0].port)
    elif name == "worker":
        work()
    elif name == "keys":
        create_key()
    elif name == "console":
        sys.stdout.write(json.dumps({"url": "http://127.0.0.1/console/sign-in/link?token=once"}) + "\n")


if __name__ == "__main__":
    main()

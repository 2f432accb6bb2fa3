"""`python -m examples.shop` as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.dev.ports import free_port
from tests.shop.test_app import ENVIRONMENT
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def shop(port: int, **changes: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "examples.shop", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | ENVIRONMENT | changes
    with subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_it_says_in_one_line_what_is_missing() -> None:
    with shop(free_port(), PAYMENTS_API_KEY="", STRIPE_JS_URL="") as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said == "The shop cannot start: PAYMENTS_API_KEY, STRIPE_JS_URL must be set in the environment.\n"


def test_sigterm_stops_it_within_two_seconds_though_the_api_does_not_answer() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf_api,
        shop(port, PAYMENTS_API_URL=f"http://127.0.0.1:{deaf_api.getsockname()[1]}") as process,
    ):
        wait_until(lambda: is_healthy(url), "the shop is healthy")
        cart = httpx.get(url, trust_env=False).headers["location"]
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/api{cart}", trust_env=False, timeout=0.3)

        stopped_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        assert time.monotonic() - stopped_at < 2

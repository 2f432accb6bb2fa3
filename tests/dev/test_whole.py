"""The command as people type it, with all its real parts: everything but the browser."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx

from app.dev.ports import free_port

ROOT = Path(__file__).parents[2]


@contextmanager
def everything(data: Path, ports: list[int]) -> Iterator[dict[str, Any]]:
    """Start it, give what it wrote down, stop it."""
    options = ["--port", str(ports[0]), "--sandbox-port", str(ports[1]), "--shop-port", str(ports[2])]
    command = [sys.executable, "-m", "app", "dev", *options, "--data-dir", str(data)]
    process = subprocess.Popen(  # noqa: S603 - this Python
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process as launcher:
        assert launcher.stdout
        said = list(takewhile(lambda line: not line.startswith("Ctrl-C"), launcher.stdout))
        assert launcher.poll() is None, said
        try:
            yield json.loads((data / "dev.json").read_text())
        finally:
            launcher.terminate()
            assert launcher.wait(timeout=20) == 0


def put(told: dict[str, Any], amount: int) -> httpx.Response:
    return httpx.put(
        f"{told['api_url']}/v1/carts/c1/payment-intent",
        json={"amount": amount, "currency": "eur"},
        headers={"Authorization": f"Bearer {told['api_key']}"},
    )


def test_a_payment_intent_is_still_there_after_everything_was_stopped_and_started(folder: Path) -> None:
    ports = [free_port() for _ in range(3)]
    with everything(folder / "data", ports) as first:
        created = put(first, 1000)
        assert created.status_code == 201
        assert httpx.get(first["shop_url"], follow_redirects=True).status_code == 200
    with everything(folder / "data", ports) as second:
        assert second == first
        updated = put(second, 2000)
        assert updated.status_code == 200
        assert updated.json()["stripe_id"] == created.json()["stripe_id"]

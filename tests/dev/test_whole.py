"""The command as people type it, with all its real parts: everything but the browser."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.dev.ports import free_port
from tests.waiting import wait_until

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


def pay(told: dict[str, Any], stripe_id: str) -> None:
    httpx.post(
        f"{told['sandbox_url']}/v1/payment_intents/{stripe_id}/confirm",
        data={"payment_method": "pm_card_visa", "return_url": "https://shop.example/"},
        auth=(told["stripe_secret_key"], ""),
    ).raise_for_status()


def test_a_payment_intent_is_still_there_after_everything_was_stopped_and_started(folder: Path) -> None:
    ports = [free_port() for _ in range(3)]
    with everything(folder / "data", ports) as first:
        created = put(first, 1000)
        assert created.status_code == 201
        assert httpx.get(first["shop_url"], follow_redirects=True).status_code == 200
    with everything(folder / "data", ports) as second:
        links = {first.pop("console_link"), second.pop("console_link")}
        assert len(links) == 2, "each signs in once"
        assert second == first
        updated = put(second, 2000)
        assert updated.status_code == 200
        assert updated.json()["stripe_id"] == created.json()["stripe_id"]


@pytest.mark.slow
def test_a_day_later_at_the_sandbox_is_a_day_later_here(folder: Path) -> None:
    ports = [free_port() for _ in range(3)]
    with everything(folder / "data", ports) as told:
        created = put(told, 1000).json()
        httpx.post(f"{told['sandbox_url']}/_sandbox/clock/advance", json={"seconds": 86400 + 60}).raise_for_status()

        def read(path: str) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {told['api_key']}"}
            answer: dict[str, Any] = httpx.get(f"{told['api_url']}/v1/carts/c1/{path}", headers=headers).json()
            return answer

        wait_until(lambda: read("payment-intent")["status"] == "canceled", "the cart expires", seconds=30)
        expired = read("payment-intent")
        assert expired["closed_reason"] == "abandoned"
        day = timedelta(days=1)
        assert datetime.fromisoformat(expired["closed_at"]) - datetime.fromisoformat(created["created_at"]) > day

        # The webhooks of now are signed with the wall's time, and an attempt is not dated in the service's future.
        again = put(told, 1000).json()
        assert datetime.fromisoformat(again["created_at"]) - datetime.fromisoformat(created["created_at"]) > day
        pay(told, again["stripe_id"])
        wait_until(lambda: read("payment-intent")["status"] == "succeeded", "the webhook is accepted")
        [attempt] = read("attempts")["data"]
        assert (
            abs(datetime.fromisoformat(attempt["attempted_at"]) - datetime.fromisoformat(again["created_at"]))
            < day / 100
        )

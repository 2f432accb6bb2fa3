"""The sandbox as a process: its state file, its end, its secrets."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from stripe import StripeClient

from app.dev.ports import free_port
from sandbox.__main__ import main
from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from tests.sandbox.conftest import Start
from tests.sandbox.running import WEBHOOK_SECRET, Receiver, client_of, confirmed, created, http

ROOT = Path(__file__).parents[2]
KEY = "sk_test_process"
Launch = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def launch() -> Iterator[Launch]:
    started: list[subprocess.Popen[str]] = []

    def launch(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        port = free_port()
        process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "sandbox", "--port", str(port), *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "SANDBOX_SECRET_KEY": KEY, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        return process, url

    yield launch
    for process in started:
        process.kill()
        process.communicate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if http.get(f"{url}/_sandbox/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(url)


async def test_everything_survives_a_kill_right_after_an_answer(
    launch: Launch, tmp_path: Path, receiver: Receiver
) -> None:
    state = tmp_path / "state.db"
    process, url = launch("--state", str(state))
    client = client_of(url, key=KEY)
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    async with SandboxClient(url) as control:
        await control.advance(5000)
        await control.pause_webhooks()
    held = confirmed(client, capture_method="manual")
    intent = client.v1.payment_intents.create({"amount": 1000, "currency": "eur"}, {"idempotency_key": "cart-1"})
    process.kill()
    process.wait()

    _, url = launch("--state", str(state))
    client = client_of(url, key=KEY)
    assert client.v1.payment_intents.retrieve(intent.id).amount == 1000
    again = client.v1.payment_intents.create({"amount": 1000, "currency": "eur"}, {"idempotency_key": "cart-1"})
    assert again.id == intent.id
    assert created(client).created >= intent.created
    async with SandboxClient(url) as control:
        await control.wait_idle()
        assert "payment_intent.amount_capturable_updated" in receiver.types
        await control.advance(7 * 86_400)
        assert client.v1.payment_intents.retrieve(held.id).status == "canceled"


def test_sigterm_ends_it_within_2_seconds_while_requests_wait_and_webhooks_hang(launch: Launch) -> None:
    process, url = launch()
    client = client_of(url, key=KEY)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        client.v1.webhook_endpoints.create({"url": address, "enabled_events": ["*"]})
        created(client)
        http.post(f"{url}/_sandbox/holds", json={})
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as held:
            held.sendall(f"GET /v1/charges HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
            while http.get(f"{url}/_sandbox/holds").json()["waiting"] == 0:
                time.sleep(0.01)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=5)
            assert time.monotonic() - began < 2


def test_no_secret_is_printed(launch: Launch) -> None:
    process, url = launch(SANDBOX_WEBHOOK_URL="http://127.0.0.1:1/", SANDBOX_WEBHOOK_SECRET=WEBHOOK_SECRET)
    client = client_of(url, key=KEY)
    intent = confirmed(client)
    http.get(f"{url}/v1/payment_intents/{intent.id}?client_secret={intent.client_secret}")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=5)
    assert "listens on" in output
    for secret in (KEY, WEBHOOK_SECRET, str(intent.client_secret), "4242"):
        assert secret not in output


@pytest.mark.parametrize("variable", ["SANDBOX_SECRET_KEY", "SANDBOX_WEBHOOK_URL"])
def test_live_keys_and_half_a_webhook_are_refused(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "sk_live_x")
    monkeypatch.setattr(sys, "argv", ["sandbox"])
    with pytest.raises(SystemExit) as e:
        main()
    assert e.value.code == 2
    assert "error: " in (printed := capsys.readouterr().err)
    assert "sk_live_x" not in printed


async def test_the_endpoint_of_the_config_is_updated_in_an_old_state(start: Start, tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state.db"
    first = SandboxConfig(state=state, webhook_url="http://127.0.0.1:1/a", webhook_secret=WEBHOOK_SECRET)
    client_of(start(first)).v1.payment_intents.list()
    second = SandboxConfig(state=state, webhook_url="http://127.0.0.1:1/b", webhook_secret=WEBHOOK_SECRET)
    (endpoint,) = client_of(start(second)).v1.webhook_endpoints.list().data
    assert endpoint.url == "http://127.0.0.1:1/b"
    third = SandboxConfig(state=state)
    assert client_of(start(third)).v1.webhook_endpoints.list().data == []


def _story(client: StripeClient) -> list[tuple[str, str, int]]:
    confirmed(client)
    client.v1.refunds.create({"payment_intent": created_and_paid(client)})
    events = client.v1.events.list({"limit": 100}).data
    return [(event.id, event.type, event.created) for event in events]


def created_and_paid(client: StripeClient) -> str:
    return confirmed(client, amount=2000).id


def test_two_runs_with_the_same_seed_give_the_same_ids_and_events(start: Start) -> None:
    config = SandboxConfig(seed=7, frozen_at=1_790_000_000)
    first, second = _story(client_of(start(config))), _story(client_of(start(config)))
    assert first == second
    assert first != _story(client_of(start(SandboxConfig(seed=8, frozen_at=1_790_000_000))))


def test_a_seed_does_not_repeat_ids_after_a_restart(start: Start, tmp_path: Path) -> None:
    config = SandboxConfig(seed=7, state=tmp_path / "state.db")
    before = created(client_of(start(config))).id
    assert created(client_of(start(config))).id != before


async def test_only_the_newest_objects_are_kept_when_asked(start: Start) -> None:
    url = start(SandboxConfig(keep=5))
    client = client_of(url)
    ids = [created(client).id for _ in range(12)]
    assert [intent.id for intent in client.v1.payment_intents.list().data] == ids[:-6:-1]
    async with SandboxClient(url) as control:
        for kind in ("payment_intents", "events", "idempotency_keys"):
            assert await control.count(kind) == 5


def test_an_answer_does_not_wait_for_the_disk_long(start: Start, tmp_path: Path) -> None:
    client = client_of(start(SandboxConfig(state=tmp_path / "state.db")))
    created(client)
    began = time.monotonic()
    for _ in range(50):
        created(client)
    assert (time.monotonic() - began) / 50 < 0.05

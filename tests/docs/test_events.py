"""What docs/events.md shows works as it stands: the consumer, and the receivers in Python and in JavaScript."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.dev.ports import free_port
from app.domain_events.schemas import EVENT_MODELS
from app.notifications.signing import signed_headers
from tests.cart import Cart
from tests.conftest import NewKey
from tests.docs.pages import ROOT, code, read, rows, section

PAGE = "docs/events.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NODE = Path(__file__).parents[1] / "notifications" / "node"


def _example(name: str) -> str:
    found = re.search(rf"```\w+ {name}\n(.*?)```", read(PAGE), re.DOTALL)
    assert found, f"there is no example {name}"
    return found[1]


def test_every_type_has_its_use() -> None:
    named = [word for _, types, _ in rows(section(read(PAGE), "## Which event for what")) for word in code(types)]
    assert set(named) == set(EVENT_MODELS)


@asynccontextmanager
async def _running(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def test_the_consumer_prints_each_event(
    anonymous: httpx.AsyncClient, cart: Cart, new_key: NewKey, tmp_path: Path
) -> None:
    (tmp_path / "consumer.py").write_text(_example("consumer"))
    await cart.owe()
    key = await new_key("events:read")
    environment = {"PAYMENTS_API_URL": str(anonymous.base_url), "PAYMENTS_API_KEY": key}
    async with _running(sys.executable, str(tmp_path / "consumer.py"), **environment) as process:
        assert await _line(process) == "payment.opened c1 1"
        await cart.put(amount=1500)
        assert await _line(process) == "payment.amount_changed c1 2"


async def _try_receiver(process: asyncio.subprocess.Process, port: int) -> None:
    """Send a receiver an event twice, a forged one, and another; look at what it does."""
    url = f"http://127.0.0.1:{port}/hook"

    def body(number: int) -> str:
        return f'{{"id": "event_{number}_1", "type": "payment.succeeded", "reference": {{"id": "c{number}"}}}}'

    async with httpx.AsyncClient(trust_env=False) as client:

        async def post(number: int, secret: str = SECRET) -> int:
            headers = signed_headers(f"event_{number}_1", body(number), [secret])
            for _ in range(200):  # until it listens
                try:
                    return (await client.post(url, content=body(number), headers=headers)).status_code
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
            raise AssertionError("the receiver does not listen")

        assert await post(1) == 204
        assert await post(1) == 204
        assert await post(2, "whsec_c29tZWJvZHkgZWxzZSdzIGtleQ==") == 400
        assert await post(3) == 204
    assert [await _line(process), await _line(process)] == ["ship c1", "ship c3"]


async def test_the_receiver_in_python_ships_once_and_believes_no_forgery(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(_example("receiver"))
    port = free_port()
    command = (sys.executable, "-m", "uvicorn", "--app-dir", str(tmp_path), "--port", str(port), "--log-level", "error")
    async with _running(*command, "receiver:app", PAYMENTS_WEBHOOK_SECRET=SECRET) as process:
        await _try_receiver(process, port)


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """Return a folder with the npm package `standardwebhooks`; skip where it can't be had."""
    npm, folder = shutil.which("npm"), ROOT / "build" / "tests" / "node"
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node or no npm here")
    lock = NODE / "package-lock.json"
    if not (folder / lock.name).exists() or (folder / lock.name).read_bytes() != lock.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(NODE, folder)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - npm, found above
        if done.returncode:
            shutil.rmtree(folder)
            pytest.skip(f"npm could not install the package: {done.stderr[-200:]}")
    return folder


async def test_the_receiver_in_javascript_ships_once_and_believes_no_forgery(node_folder: Path) -> None:
    script = re.findall(r"```js receiver\n(.*?)```", read(PAGE), re.DOTALL)[0]
    (node_folder / "receiver.js").write_text(script)
    port = free_port()
    command = ("node", str(node_folder / "receiver.js"))
    async with _running(*command, PAYMENTS_WEBHOOK_SECRET=SECRET, PORT=str(port)) as process:
        await _try_receiver(process, port)

"""Behind a real HAProxy and a real nginx, with the configurations of `docs/proxies/`."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app.dev.ports import free_port
from app.settings import Settings
from tests.http.raw import connect, request
from tests.waiting import until

CONFIGURATIONS = Path(__file__).parents[2] / "docs" / "proxies"
CART = "/v1/carts/c1/payment-intent"
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")
BODY = b"%x\r\n%s\r\n0\r\n" % (35, b'{"amount": 1000, "currency": "eur"}')
WRONG_KEY = f"Authorization: Bearer pay_{'0' * 16}_{'0' * 64}"
LIMIT = 5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"failed_authentications_per_minute": LIMIT, "trusted_proxies": (ip_network("127.0.0.1/32"),)}
    )


def _configured(name: str, port: int, api_url: str) -> str:
    text = (CONFIGURATIONS / name).read_text(encoding="utf-8")
    assert text.count("0.0.0.0:8080") == 1
    assert text.count("127.0.0.1:8000") == 1
    return text.replace("0.0.0.0:8080", f"127.0.0.1:{port}").replace("127.0.0.1:8000", api_url.removeprefix("http://"))


def _haproxy(folder: Path, port: int, api_url: str) -> list[str]:
    (folder / "haproxy.cfg").write_text(_configured("haproxy.cfg", port, api_url), encoding="utf-8")
    return ["-f", str(folder / "haproxy.cfg"), "-db"]


def _nginx(folder: Path, port: int, api_url: str) -> list[str]:
    paths = "".join(
        f"{name}_temp_path {folder / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    server = _configured("nginx.conf", port, api_url)
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder / 'pid'};\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{server}\n}}\n",
        encoding="utf-8",
    )
    return ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


COMMANDS = {"haproxy": _haproxy, "nginx": _nginx}


def _find(name: str) -> str:
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if program is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return program


@pytest.fixture(params=COMMANDS)
async def proxy_url(
    request: pytest.FixtureRequest, anonymous: httpx.AsyncClient, api_url: str, tmp_path: Path
) -> AsyncIterator[str]:
    """Run the proxy in front of the API; return its address."""
    program, port = _find(request.param), free_port()
    process = await asyncio.create_subprocess_exec(program, *COMMANDS[request.param](tmp_path, port, api_url))
    url = f"http://127.0.0.1:{port}"

    async def is_up() -> bool:
        assert process.returncode is None, f"{request.param} did not start"
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"{url}/livez")).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await until(is_up, f"{request.param} forwards", seconds=20)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_a_payment_passes(proxy_url: str, api: httpx.AsyncClient) -> None:
    answer = await api.put(f"{proxy_url}{CART}", json={"amount": 1000, "currency": "eur"})
    assert answer.status_code == 201
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("cart_id", ["gid://shopify/Cart/1", "a b", "a?b%2Fc", "Körbchen"])
async def test_any_id_of_a_cart_passes_unchanged(proxy_url: str, api: httpx.AsyncClient, cart_id: str) -> None:
    url = f"{proxy_url}/v1/carts/{quote(cart_id, safe='')}/payment-intent"
    made = await api.put(url, json={"amount": 1000, "currency": "eur"})
    assert (made.status_code, made.json()["reference"]["id"]) == (201, cart_id)
    assert (await api.get(url)).json()["id"] == made.json()["id"]


async def test_a_trailer_authenticates_nobody(proxy_url: str, api: httpx.AsyncClient) -> None:
    async with connect(proxy_url) as connection:
        await connection.send(request("PUT", CART, *CHUNKED, body=BODY))
        await connection.send(f"Authorization: {api.headers['authorization']}\r\n\r\n".encode())
        assert (await connection.answer()).status == 401


@pytest.mark.parametrize("place", ["header", "trailer"])
async def test_nobody_chooses_the_address_that_failures_are_counted_by(proxy_url: str, place: str) -> None:
    statuses = []
    for number in range(LIMIT + 3):
        forwarded = f"X-Forwarded-For: 203.0.113.{number}"
        header, trailer = (forwarded, "") if place == "header" else ("X-Other: 1", f"{forwarded}\r\n")
        async with connect(proxy_url) as connection:
            await connection.send(request("PUT", CART, *CHUNKED, WRONG_KEY, header, body=BODY))
            await connection.send(f"{trailer}\r\n".encode())
            statuses.append((await connection.answer()).status)
    assert statuses == [401] * LIMIT + [429] * 3


async def test_each_address_behind_the_proxy_has_its_own_count(proxy_url: str) -> None:
    async def fail(address: str) -> int:
        transport = httpx.AsyncHTTPTransport(local_address=address)
        async with httpx.AsyncClient(transport=transport) as client:
            name, _, value = WRONG_KEY.partition(": ")
            return (await client.get(f"{proxy_url}{CART}", headers={name: value})).status_code

    assert [await fail("127.0.0.2") for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]
    assert await fail("127.0.0.3") == 401


async def test_a_long_path_full_of_what_looks_like_tokens_is_refused_at_once(proxy_url: str) -> None:
    async with connect(proxy_url) as connection:
        await connection.send(request("GET", "/" + "eyJ-" * 15_000))
        assert (await connection.answer(seconds=2)).status in {400, 414, 431}

"""Nothing inside is reached through an endpoint: however its address is written, and whatever it means later."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from app.notifications.addresses import Permitted, PinningResolver, check, check_url, is_public
from app.notifications.errors import AddressNotAllowed, AddressNotFound
from app.notifications.sending import open_sender
from app.settings import Settings
from tests.conftest import settings_for
from tests.notifications.receiver import Receiver

INSIDE = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),  # noqa: S104 - none is bound
    *("169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
)
OUTSIDE = ("8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_public(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(AddressNotAllowed):
        check(address, Permitted(()), is_https=True)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_reached_by_https_alone(address: str) -> None:
    assert is_public(ip_address(address))
    check(address, Permitted(()), is_https=True)
    with pytest.raises(AddressNotAllowed):
        check(address, Permitted(()), is_https=False)


def test_an_allowed_network_is_reached_and_its_neighbour_is_not() -> None:
    permitted = Permitted([ip_network("10.1.0.0/16")])
    for address in ("10.1.2.3", "::ffff:10.1.2.3"):
        check(address, permitted, is_https=False)
    with pytest.raises(AddressNotAllowed):
        check("10.2.0.1", permitted, is_https=True)


# Notations that some libraries read as 127.0.0.1 or 10.0.0.1.
ODD = (
    *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.000.000.001", "[::ffff:7f00:1]", "[::1]"),
    *(
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.0.0.1.",
        "10.1",
        "0xa000001",
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
    ),
)


@pytest.mark.parametrize("host", ODD)
async def test_no_notation_leads_inside(host: str) -> None:
    with pytest.raises((AddressNotAllowed, AddressNotFound)):
        await check_url(f"https://{host}/hook", Permitted(()))


Resolve = Callable[[list[str]], None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Have every name mean these addresses, one after the other."""

    def install(answers: list[str]) -> None:
        left = iter(answers)

        async def getaddrinfo(_: object, host: str, port: int, **__: Any) -> list[Any]:
            found = []
            for address in next(left).split():
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                found.append((family, socket.SOCK_STREAM, 6, "", (address, port)))
            return found

        monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", getaddrinfo)

    return install


async def test_a_name_with_one_address_inside_is_refused(resolve: Resolve) -> None:
    resolve(["93.184.215.14 10.0.0.1"])
    with pytest.raises(AddressNotAllowed):
        await check_url("https://both.example/", Permitted(()))


async def test_the_connection_goes_to_the_address_that_was_looked_at(resolve: Resolve) -> None:
    resolve(["93.184.215.14"])
    [found] = await PinningResolver(Permitted(()), is_https=True).resolve("orders.example", 443)
    assert (found["host"], found["hostname"], found["flags"]) == (
        "93.184.215.14",
        "orders.example",
        socket.AI_NUMERICHOST,
    )


async def test_a_name_that_leads_inside_when_it_is_sent_is_not_followed(
    resolve: Resolve, receiver: Receiver, database_url: str, sandbox_url: str
) -> None:
    production = settings_for(database_url, sandbox_url)
    outside = Settings.model_validate(production.model_dump() | {"environment": "production", "stripe_mode": "test"})
    resolve(["93.184.215.14", "127.0.0.1"])
    url = receiver.url.replace("127.0.0.1", "changes.example").replace("http:", "https:")
    await check_url(url, Permitted(()))
    async with open_sender(outside) as sender:
        outcome = await sender.send(url, "{}", {})
    assert (outcome.status, outcome.error) == (None, "address_not_allowed")
    assert receiver.received == []


async def test_a_redirect_is_not_followed(receiver: Receiver, settings: Settings) -> None:
    receiver.status, receiver.headers = 302, {"Location": receiver.url}
    async with open_sender(settings) as sender:
        outcome = await sender.send(receiver.url, "{}", {"webhook-id": "x"})
    assert (outcome.status, outcome.is_delivered, len(receiver.received)) == (302, False, 1)


async def test_little_is_read_of_a_long_answer_and_nothing_of_a_slow_one(
    receiver: Receiver, database_url: str, sandbox_url: str
) -> None:
    receiver.text = "x" * 5_000_000
    impatient = settings_for(database_url, sandbox_url, notification_timeout=0.5)
    async with open_sender(impatient) as sender:
        outcome = await sender.send(receiver.url, "{}", {"webhook-id": "x"})
        assert len(outcome.excerpt or "") <= 1024
        receiver.seconds = 1.5
        slow = await sender.send(receiver.url, "{}", {"webhook-id": "x"})
    assert (slow.status, slow.error) == (None, "timeout")
    assert 400 < slow.milliseconds < 2500


async def test_nobody_there_is_an_outcome(settings: Settings) -> None:
    async with open_sender(settings) as sender:
        outcome = await sender.send("http://127.0.0.1:9/hook", "{}", {})
    assert (outcome.status, outcome.error) == (None, "ClientConnectorError")

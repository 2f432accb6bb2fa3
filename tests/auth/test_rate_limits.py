"""An address whose authentication fails too often has to wait."""

import time

import httpx
import pytest

from app.settings import Settings

CART = "/v1/carts/c1/payment-intent"
TEN_EUROS = {"amount": 1000, "currency": "eur"}


class TestFailedAuthentications:
    WRONG = {"Authorization": f"Bearer pay_{'0' * 16}_{'0' * 64}"}  # noqa: RUF012 - a constant of these tests

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"failed_authentications_per_minute": 5, "trusted_proxies": ("127.0.0.2/32",), "cors_origins": ()}
        )

    @pytest.fixture(autouse=True)
    def within_one_minute(self) -> None:
        """Wait out the end of a minute of the clock, by which the bound is counted."""
        if (left := 60 - time.time() % 60) < 5:
            time.sleep(left)

    async def test_an_address_that_fails_too_often_waits(self, api: httpx.AsyncClient) -> None:
        assert (await api.put(CART, json=TEN_EUROS)).status_code == 201
        failed = [await api.get(CART, headers=self.WRONG) for _ in range(7)]
        proved = await api.get(CART)
        webhook = await api.post("/v1/stripe/webhook", content=b"{}")

        assert [answer.status_code for answer in failed] == [401] * 5 + [429] * 2
        assert failed[-1].json()["code"] == "too_many_requests"
        assert 1 <= int(failed[-1].headers["retry-after"]) <= 60
        assert proved.status_code == 200  # this key was proved a moment ago
        assert webhook.json()["code"] == "invalid_signature"  # the webhook is exempt

    async def test_without_a_proxy_nobody_believes_a_forwarded_address(self, anonymous: httpx.AsyncClient) -> None:
        statuses = [
            (await anonymous.get(CART, headers=self.WRONG | {"X-Forwarded-For": f"10.0.0.{n}"})).status_code
            for n in range(7)
        ]
        assert statuses == [401] * 5 + [429] * 2

    async def test_behind_a_configured_proxy_each_address_has_its_own_bound(self, anonymous: httpx.AsyncClient) -> None:
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=anonymous.base_url, transport=transport) as proxy:
            one = [await proxy.get(CART, headers=self.WRONG | {"X-Forwarded-For": "10.0.0.1"}) for _ in range(6)]
            # What a client wrote itself stands before what the proxy saw.
            liar = await proxy.get(CART, headers=self.WRONG | {"X-Forwarded-For": "10.9.9.9, 10.0.0.1"})
            other = await proxy.get(CART, headers=self.WRONG | {"X-Forwarded-For": "10.0.0.2"})
        assert [answer.status_code for answer in (*one, liar, other)] == [401] * 5 + [429, 429, 401]

    async def test_one_ipv6_subscriber_is_one_address(self, anonymous: httpx.AsyncClient) -> None:
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=anonymous.base_url, transport=transport) as proxy:
            same = [
                (await proxy.get(CART, headers=self.WRONG | {"X-Forwarded-For": f"2001:db8::{n}"})).status_code
                for n in range(6)
            ]
            other = await proxy.get(CART, headers=self.WRONG | {"X-Forwarded-For": "2001:db8:0:1::1"})
        assert same == [401] * 5 + [429]
        assert other.status_code == 401

from datetime import timedelta
from typing import Any, cast

import pytest
from stripe import InvalidRequestError, PaymentIntent, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from tests.sandbox.conftest import Start
from tests.sandbox.running import client_of, confirmed, created


def test_lists_are_newest_first_and_page_both_ways(client: StripeClient) -> None:
    ids = [created(client).id for _ in range(5)][::-1]
    page = client.v1.payment_intents.list({"limit": 2})
    assert ([entry.id for entry in page.data], page.has_more) == (ids[:2], True)
    older = client.v1.payment_intents.list({"limit": 2, "starting_after": ids[1]})
    assert [entry.id for entry in older.data] == ids[2:4]
    newer = client.v1.payment_intents.list({"limit": 2, "ending_before": ids[4]})
    assert ([entry.id for entry in newer.data], newer.has_more) == (ids[2:4], True)
    assert [entry.id for entry in page.auto_paging_iter()] == ids


def test_the_limit_is_10_by_default_and_100_at_most(client: StripeClient) -> None:
    for _ in range(12):
        created(client)
    assert len(client.v1.payment_intents.list().data) == 10
    assert len(client.v1.payment_intents.list({"limit": 1000}).data) == 12
    with pytest.raises(InvalidRequestError):
        client.v1.payment_intents.list({"limit": 0})


def test_an_unknown_cursor_is_refused(client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError, match="No such") as e:
        client.v1.payment_intents.list({"starting_after": "pi_missing"})
    assert e.value.param == "starting_after"


async def test_lists_filter_by_when_things_were_created(client: StripeClient, control: SandboxClient) -> None:
    old = created(client)
    await control.advance(1000)
    new = created(client)
    assert [entry.id for entry in client.v1.payment_intents.list({"created": {"gt": old.created}}).data] == [new.id]
    assert [entry.id for entry in client.v1.payment_intents.list({"created": {"lte": old.created}}).data] == [old.id]
    assert [entry.id for entry in client.v1.payment_intents.list({"created": new.created}).data] == [new.id]


def test_there_is_no_filter_by_metadata_or_status(client: StripeClient) -> None:
    for name in ("metadata", "status"):
        with pytest.raises(InvalidRequestError, match=f"unknown parameter: {name}"):
            client.v1.payment_intents.list(cast(Any, {name: "x"}))


def search(client: StripeClient, query: str) -> set[str]:
    return {entry.id for entry in client.v1.payment_intents.search({"query": query}).data}


def test_search_finds_by_metadata_status_and_amount(client: StripeClient) -> None:
    first = created(client, metadata={"cart_id": "c1"})
    second = confirmed(client, metadata={"cart_id": "c2"}, amount=5000)
    assert search(client, "metadata['cart_id']:'c1'") == {first.id}
    assert search(client, "status:'succeeded' AND metadata['cart_id']:'c2'") == {second.id}
    assert search(client, "status:'succeeded' AND metadata['cart_id']:'c1'") == set()
    assert search(client, "metadata['cart_id']:'c1' OR amount>2000") == {first.id, second.id}
    assert search(client, "-status:'succeeded'") == {first.id}
    assert search(client, "metadata['cart_id']~'c'") == {first.id, second.id}
    assert search(client, "metadata['other']:null amount<=1000") == {first.id}


@pytest.mark.parametrize(
    "query", ["", "nonsense", "colour:'red'", "amount:'1' AND status:'a' OR amount:'2'", "status>'a'"]
)
def test_a_query_that_cannot_be_understood_is_refused(client: StripeClient, query: str) -> None:
    with pytest.raises(InvalidRequestError) as e:
        client.v1.payment_intents.search({"query": query})
    assert e.value.param == "query"


def test_search_pages(client: StripeClient) -> None:
    ids: list[PaymentIntent] = [created(client, metadata={"a": "b"}) for _ in range(5)]
    page = client.v1.payment_intents.search({"query": "metadata['a']:'b'", "limit": 2})
    assert page.has_more
    assert [entry.id for entry in page.auto_paging_iter()] == [entry.id for entry in reversed(ids)]


async def test_search_lags_behind_as_the_config_says(start: Start) -> None:
    url = start(SandboxConfig(search_lag=timedelta(seconds=60)))
    client = client_of(url)
    intent = created(client)
    assert search(client, "amount:1000") == set()
    assert [entry.id for entry in client.v1.payment_intents.list().data] == [intent.id]
    async with SandboxClient(url) as control:
        await control.advance(61)
    assert search(client, "amount:1000") == {intent.id}

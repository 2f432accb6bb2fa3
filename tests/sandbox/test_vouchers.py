"""Boleto and Multibanco: paid, never paid, expired."""

from typing import Any

import pytest
from stripe import InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from tests.sandbox.conftest import Start
from tests.sandbox.other_methods import (
    DAY,
    action,
    choose,
    status,
    waiting,
    with_email,
)
from tests.sandbox.running import charges_of, client_of


@pytest.mark.parametrize("kind", ["boleto", "multibanco"])
async def test_a_person_pays_a_voucher_on_its_page(client: StripeClient, kind: str) -> None:
    intent = waiting(client, kind)
    page = action(intent)["hosted_voucher_url"]
    assert choose(page, "succeed").status_code == 200
    assert status(client, intent) == "succeeded"


VOUCHERS = [
    ("succeed_immediately@example.com", 1, "succeeded"),
    ("expire_immediately@example.com", 1, "requires_payment_method"),
    ("ada.expire_with_delay@example.com", 179, "requires_action"),
    ("ada.expire_with_delay@example.com", 181, "requires_payment_method"),
    ("ada@example.com", 179, "requires_action"),
    ("ada@example.com", 181, "succeeded"),
    ("fill_never@example.com", 2 * DAY, "requires_action"),
    ("fill_never@example.com", 8 * DAY, "requires_payment_method"),
]


@pytest.mark.parametrize("kind", ["boleto", "multibanco"])
@pytest.mark.parametrize(("email", "after", "expected"), VOUCHERS)
async def test_the_email_address_decides_about_a_voucher(
    client: StripeClient, control: SandboxClient, kind: str, email: str, after: int, expected: str
) -> None:
    intent = waiting(client, kind, payment_method_data=with_email(kind, email))
    assert intent.status == "requires_action"
    await control.advance(after)
    found = client.v1.payment_intents.retrieve(intent.id)
    assert found.status == expected
    if expected == "requires_payment_method":
        assert found.last_payment_error is not None
        assert found.last_payment_error.code == "payment_intent_payment_attempt_expired"
        assert len(await control.events("payment_intent.payment_failed")) == 1
        assert charges_of(client, intent.id) == []


async def test_a_boleto_expires_at_the_end_of_a_day_in_sao_paulo(start: Start) -> None:
    noon = 1_793_458_800  # 2026-10-31, 12:00 in São Paulo
    client = client_of(start(SandboxConfig(frozen_at=noon)))
    intent = waiting(client, "boleto", payment_method_options={"boleto": {"expires_after_days": 2}})
    assert action(intent)["expires_at"] == noon + 2 * DAY + 12 * 3600 - 1


async def test_a_cancelled_voucher_is_never_paid(client: StripeClient, control: SandboxClient) -> None:
    intent = waiting(client, "multibanco")
    assert client.v1.payment_intents.cancel(intent.id).status == "canceled"
    await control.advance(10 * DAY)
    assert status(client, intent) == "canceled"
    assert await control.events("payment_intent.payment_failed") == []


async def test_a_boleto_cannot_be_refunded(client: StripeClient, control: SandboxClient) -> None:
    intent = waiting(client, "boleto")
    await control.finish(intent.id)
    with pytest.raises(InvalidRequestError) as e:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert e.value.code == "charge_not_refundable"


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("529.982.247-25", True),
        ("52998224725", True),
        ("529.982.247-52", False),
        ("11.222.333/0001-81", True),
        ("11.222.333/0001-18", False),
        ("00.000.000/0000-00", True),
        ("000.000.000-0", False),
        ("529.982.247-25x", False),
    ],
)
def test_a_tax_id_has_the_check_digits_of_a_cpf_or_a_cnpj(client: StripeClient, text: str, is_right: bool) -> None:
    data: Any = {"type": "boleto", "boleto": {"tax_id": text}}
    if is_right:
        assert client.v1.payment_methods.create(data).boleto is not None
        return
    with pytest.raises(InvalidRequestError) as e:
        client.v1.payment_methods.create(data)
    assert (e.value.code, e.value.param) == ("tax_id_invalid", "boleto[tax_id]")

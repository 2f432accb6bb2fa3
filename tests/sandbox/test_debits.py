"""SEPA and ACH debits, and the micro-deposits that verify an account."""

from typing import Any

import pytest
from stripe import InvalidRequestError, StripeClient

from sandbox.client import SandboxClient
from tests.sandbox.other_methods import (
    DAY,
    status,
    waiting,
    with_iban,
)
from tests.sandbox.running import charges_of, confirmed

DEBITS = [
    ("AT611904300234573201", 61, "succeeded", None),
    ("DE89370400440532013000", 61, "succeeded", None),
    ("AT321904300235473204", 179, "processing", None),
    ("AT321904300235473204", 181, "succeeded", None),
    ("AT861904300235473202", 61, "requires_payment_method", "insufficient_funds"),
    ("DE78370400440532013004", 181, "requires_payment_method", "insufficient_funds"),
]


@pytest.mark.parametrize(("iban", "after", "expected", "code"), DEBITS)
async def test_the_iban_decides_about_a_debit(
    client: StripeClient, control: SandboxClient, iban: str, after: int, expected: str, code: str | None
) -> None:
    intent = waiting(client, "sepa_debit", payment_method_data=with_iban(iban))
    assert intent.status == "processing"
    await control.advance(after)
    (charge,) = charges_of(client, intent.id)
    assert (status(client, intent), charge.failure_code) == (expected, code)
    details: Any = charge.to_dict()["payment_method_details"]
    assert details["sepa_debit"]["mandate"].startswith("mandate_")


async def test_a_test_can_fail_a_debit_that_would_succeed(client: StripeClient, control: SandboxClient) -> None:
    intent = waiting(client, "sepa_debit")
    await control.finish(intent.id, "fail")
    await control.advance(DAY)
    assert status(client, intent) == "requires_payment_method"
    assert len(await control.events("payment_intent.payment_failed")) == 1


async def test_an_account_that_stays_in_processing_can_be_cancelled(
    client: StripeClient, control: SandboxClient
) -> None:
    intent = confirmed(client, "pm_usBankAccount_processing", currency="usd")
    await control.advance(30 * DAY)
    assert status(client, intent) == "processing"
    assert client.v1.payment_intents.cancel(intent.id).status == "canceled"


@pytest.mark.parametrize("values", [{"amounts": [32, 45]}, {"descriptor_code": "SM11AA"}])
async def test_right_micro_deposits_let_the_debit_begin(
    client: StripeClient, control: SandboxClient, values: Any
) -> None:
    intent = waiting(client, "us_bank_account")
    assert client.v1.payment_intents.verify_microdeposits(intent.id, values).status == "processing"
    await control.advance(61)
    assert status(client, intent) == "succeeded"


EXCEEDED = "payment_method_microdeposit_verification_attempts_exceeded"
LATE = "payment_method_microdeposit_verification_timeout"


@pytest.mark.parametrize(
    ("values", "attempts", "code"),
    [
        ({"amounts": [10, 11]}, 1, EXCEEDED),
        ({"descriptor_code": "SM33CC"}, 1, EXCEEDED),
        ({"descriptor_code": "SM44DD"}, 1, LATE),
        ({"amounts": [1, 2]}, 3, EXCEEDED),
        ({"descriptor_code": "SM00XX"}, 10, EXCEEDED),
    ],
)
def test_wrong_micro_deposits_end_the_attempt(client: StripeClient, values: Any, attempts: int, code: str) -> None:
    intent = waiting(client, "us_bank_account")
    for _ in range(attempts - 1):
        with pytest.raises(InvalidRequestError) as e:
            client.v1.payment_intents.verify_microdeposits(intent.id, values)
        assert e.value.code == f"payment_method_microdeposit_verification_{next(iter(values))}_mismatch"
        assert status(client, intent) == "requires_action"
    with pytest.raises(InvalidRequestError) as e:
        client.v1.payment_intents.verify_microdeposits(intent.id, values)
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error is not None
    assert (e.value.code, failed.status) == (code, "requires_payment_method")
    assert failed.last_payment_error.code == code


async def test_micro_deposits_are_too_late_after_ten_days(client: StripeClient, control: SandboxClient) -> None:
    intent = waiting(client, "us_bank_account")
    await control.advance(10 * DAY + 1)
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error is not None
    assert (failed.status, failed.last_payment_error.code) == ("requires_payment_method", LATE)

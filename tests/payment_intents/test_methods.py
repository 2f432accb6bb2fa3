"""Payments by other methods than cards: what waits for days is waited for, and each is told in its own words."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.client import SandboxClient
from tests.cart import Cart, Json
from tests.conftest import Jobs, Sweep
from tests.database import LAST_ACTIVITY, Database
from tests.sandbox.other_methods import CURRENCIES, DATA, NEEDS, SHOP
from tests.stripe_calls import call, customer

REDIRECTS, VOUCHERS, DEBITS = ("ideal", "klarna"), ("boleto", "multibanco"), ("sepa_debit", "us_bank_account")
DAYS = timedelta(days=1)


async def _begin(cart: Cart, sandbox: SandboxClient, jobs: Jobs, method: str, **terms: Any) -> Json:
    """Have a shopper choose a method; return the PaymentIntent as it then is here."""
    currency = CURRENCIES.get(method, "eur")
    made = await cart.owe(currency=currency, allowed_payment_method_types=[method, "card"], **terms)
    confirmation = await sandbox.confirm(
        made["stripe_id"], DATA[method], **{"return_url": SHOP, **NEEDS.get(method, {})}
    )
    assert confirmation.error is None, confirmation.error
    return await _settled(cart, sandbox, jobs)


async def _settled(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> Json:
    await sandbox.wait_idle()
    await jobs()
    return await cart.state()


@pytest.mark.parametrize("method", [*REDIRECTS, *VOUCHERS, *DEBITS])
async def test_each_is_paid_and_its_attempt_names_it(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, method: str
) -> None:
    begun = await _begin(cart, sandbox, jobs, method)
    assert begun["status"] == ("processing" if method == "sepa_debit" else "requires_action")
    if method == "us_bank_account":
        assert begun["next_action"]["type"] == "verify_with_microdeposits"
        await sandbox.finish(begun["stripe_id"])  # verify it
    await sandbox.finish(begun["stripe_id"])
    paid = await _settled(cart, sandbox, jobs)
    assert (paid["status"], paid["amount_received"], paid["payment_method"]["type"]) == ("succeeded", 1000, method)
    assert [each["payment_method_type"] for each in await cart.attempts()] == [method]
    assert paid["next_action"] is None


@pytest.mark.parametrize("method", [*REDIRECTS, *VOUCHERS, *DEBITS])
async def test_each_may_fail_and_the_cart_is_paid_another_way(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, method: str
) -> None:
    begun = await _begin(cart, sandbox, jobs, method)
    await sandbox.finish(begun["stripe_id"], "expire" if method in VOUCHERS else "fail")
    failed = await _settled(cart, sandbox, jobs)
    assert (failed["status"], failed["attempts"]["failed"]) == ("requires_payment_method", 1)
    [attempt] = await cart.attempts()
    assert (attempt["status"], attempt["payment_method_type"]) == ("failed", method)
    assert failed["last_error"]
    assert "card" not in failed["last_error"].lower()
    await cart.pay()
    assert (await cart.state())["status"] == "succeeded"


async def test_an_abandoned_redirect_is_canceled_as_any_cart(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, sweep: Sweep, database: Database
) -> None:
    begun = await _begin(cart, sandbox, jobs, "ideal")
    assert begun["next_action"] == {"type": "redirect_to_url", "expires_at": None, "amount_remaining": None}
    await database.age(timedelta(hours=25), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["closed_reason"] == "abandoned"


@pytest.mark.parametrize("method", VOUCHERS)
async def test_a_voucher_is_waited_for_until_it_ends(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, sweep: Sweep, database: Database, method: str
) -> None:
    begun = await _begin(cart, sandbox, jobs, method)
    assert begun["next_action"]["type"] == f"{method}_display_details"
    assert begun["expires_at"] >= begun["next_action"]["expires_at"]
    await database.age(2 * DAYS, LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["status"] == "requires_action"
    await sandbox.finish(begun["stripe_id"])
    assert (await _settled(cart, sandbox, jobs))["status"] == "succeeded"


async def test_another_amount_takes_the_voucher_away(cart: Cart, sandbox: SandboxClient, jobs: Jobs) -> None:
    begun = await _begin(cart, sandbox, jobs, "multibanco")
    other = await cart.owe(amount=2000, allowed_payment_method_types=["multibanco", "card"])
    assert (other["generation"], other["amount"]) == (2, 2000)
    assert (await sandbox.object("payment_intent", begun["stripe_id"]))["status"] == "canceled"


async def test_a_debit_takes_days_and_is_never_abandoned(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, sweep: Sweep, database: Database
) -> None:
    begun = await _begin(cart, sandbox, jobs, "sepa_debit")
    await database.age(6 * DAYS)
    await sweep()
    assert (await cart.put(amount=2000, allowed_payment_method_types=["sepa_debit", "card"])).status_code == 409
    assert (await cart.state())["status"] == "processing"
    await sandbox.finish(begun["stripe_id"])
    assert (await _settled(cart, sandbox, jobs))["status"] == "succeeded"


async def _fund(sandbox: SandboxClient, payer: str, amount: int) -> None:
    path = f"/v1/test_helpers/customers/{payer}/fund_cash_balance"
    await call(sandbox, path, amount=amount, currency="eur")


async def test_a_transfer_arrives_in_parts_and_is_not_abandoned_meanwhile(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, sweep: Sweep, database: Database
) -> None:
    payer = await customer(sandbox)
    begun = await _begin(cart, sandbox, jobs, "customer_balance", customer=payer)
    action = {"type": "display_bank_transfer_instructions", "expires_at": None}
    assert begun["next_action"] == action | {"amount_remaining": 1000}
    await database.age(9 * DAYS, LAST_ACTIVITY)
    await sweep()
    await _fund(sandbox, payer, 400)
    part = await _settled(cart, sandbox, jobs)
    assert (part["status"], part["next_action"]) == ("requires_action", action | {"amount_remaining": 600})
    [event] = await database.domain_events("payment.partially_funded")
    assert event["data"] == {"amount": 1000, "currency": "eur", "amount_remaining": 600}
    await _fund(sandbox, payer, 700)
    paid = await _settled(cart, sandbox, jobs)
    assert (paid["status"], paid["amount_received"], paid["flags"]) == ("succeeded", 1000, [])
    assert paid["payment_method"]["type"] == "customer_balance"


async def test_a_transfer_that_never_comes_is_canceled_after_ten_days(
    cart: Cart, sandbox: SandboxClient, jobs: Jobs, sweep: Sweep, database: Database
) -> None:
    await _begin(cart, sandbox, jobs, "customer_balance", customer=await customer(sandbox))
    await database.age(10 * DAYS + timedelta(hours=1), LAST_ACTIVITY)
    await sweep()
    assert (await cart.state())["closed_reason"] == "abandoned"


async def test_a_wallet_is_named(cart: Cart, sandbox: SandboxClient) -> None:
    await cart.owe()
    await cart.pay(await sandbox.wallet_method("apple_pay"))
    method = (await cart.state())["payment_method"]
    assert (method["type"], method["wallet"], method["last4"]) == ("card", "apple_pay", "4242")

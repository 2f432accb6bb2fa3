"""What the shopper or the bank does next with a payment that waits: for the pages, and for tests without a browser."""

from collections.abc import Callable, Mapping
from typing import Literal

from sandbox.account import Account
from sandbox.cards import ACCOUNT_EMPTY
from sandbox.errors import ApiError
from sandbox.methods import microdeposits, transfer, voucher
from sandbox.payment_intents.authentication import fail_challenge, pass_challenge
from sandbox.payment_intents.outcomes import finish_debit
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

Outcome = Literal["succeed", "fail", "expire"]
Step = Callable[[Account, JsonObject], object]


def finish(account: Account, intent: JsonObject, outcome: Outcome) -> JsonObject:
    """Return the PaymentIntent afterwards; raise ApiError where it does not wait for such an outcome."""
    waits_for = "processing" if intent["status"] == "processing" else (intent["next_action"] or {}).get("type")
    step = _STEPS.get((waits_for, outcome))
    if step is None:
        raise ApiError(f"This PaymentIntent has a status of {intent['status']} and cannot {outcome} now.")
    step(account, intent)
    return account.the("payment_intent", intent["id"])


def _settle_debit(account: Account, intent: JsonObject) -> None:
    finish_debit(account, intent, None)


def _fail_debit(account: Account, intent: JsonObject) -> None:
    finish_debit(account, intent, method_of(account, intent["payment_method"]).decline or ACCOUNT_EMPTY)


def _transfer_rest(account: Account, intent: JsonObject) -> None:
    instructions = intent["next_action"]["display_bank_transfer_instructions"]
    left, reference = instructions["amount_remaining"], instructions["reference"]
    transfer.fund(account, intent["customer"], intent["currency"], left, reference)


def _pay_voucher(account: Account, intent: JsonObject) -> None:
    voucher.pay(account, intent["id"])


def _expire_voucher(account: Account, intent: JsonObject) -> None:
    voucher.expire(account, intent["id"])


_STEPS: Mapping[tuple[str | None, str], Step] = {
    ("boleto_display_details", "expire"): _expire_voucher,
    ("boleto_display_details", "succeed"): _pay_voucher,
    ("display_bank_transfer_instructions", "succeed"): _transfer_rest,
    ("multibanco_display_details", "expire"): _expire_voucher,
    ("multibanco_display_details", "succeed"): _pay_voucher,
    ("processing", "fail"): _fail_debit,
    ("processing", "succeed"): _settle_debit,
    ("redirect_to_url", "fail"): fail_challenge,
    ("redirect_to_url", "succeed"): pass_challenge,
    ("use_stripe_sdk", "fail"): fail_challenge,
    ("use_stripe_sdk", "succeed"): pass_challenge,
    ("verify_with_microdeposits", "fail"): microdeposits.fail,
    ("verify_with_microdeposits", "succeed"): microdeposits.succeed,
}

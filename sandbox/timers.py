"""What the clock does: authorisations and sessions that expire, refunds and debits that finish."""

from collections.abc import Callable, Mapping

from sandbox import charges, refunds
from sandbox.account import Account
from sandbox.payment_intents import attempt, cancel

ACTIONS: Mapping[str, Callable[[Account, str], None]] = {
    "settle_charge": charges.settle,
    "finish_processing": attempt.finish_processing,
    "finish_refund": refunds.finish,
    "abandon": cancel.abandon,
}


def run_due(account: Account) -> None:
    while (timer := account.timers.take_due()) is not None:
        action = ACTIONS.get(timer["action"])
        if action is not None:
            action(account, timer["on"])

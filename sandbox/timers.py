"""What the clock does: authorisations and sessions that expire, refunds and debits that finish."""

import contextlib
from collections.abc import Callable, Mapping

from sandbox import charges, disputes, radar, refunds
from sandbox.account import Account
from sandbox.checkout import payment, sessions
from sandbox.methods import microdeposits, voucher
from sandbox.payment_intents import cancel, capture, outcomes

ACTIONS: Mapping[str, Callable[[Account, str], object]] = {
    "settle_charge": charges.settle,
    "finish_processing": outcomes.finish_processing,
    "finish_refund": refunds.finish,
    "dispute_as_tested": disputes.dispute_as_tested,
    "warn_of_fraud": radar.warn_of_fraud,
    "expire_authorization": capture.expire_authorization,
    "expire_session": sessions.expire_session,
    "follow_payment": payment.follow,
    "abandon": cancel.abandon,
    "pay_voucher": voucher.pay,
    "expire_voucher": voucher.expire,
    "time_out_microdeposits": microdeposits.time_out,
}


def run_due(account: Account) -> None:
    """Do what is due; what is about an object that is no longer kept is left out."""
    while (timer := account.timers.take_due()) is not None:
        with contextlib.suppress(LookupError):
            ACTIONS[timer["action"]](account, timer["on"])

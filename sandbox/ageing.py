"""What happened, moved into the past, for services whose own clock can't be moved: to them it is old now."""

from sandbox.account import Account
from sandbox.timers import run_due

MOMENTS = ("created", "at", "expires_at", "next_at")


def age(account: Account, seconds: int) -> None:
    """Do what falls due in so many seconds, then move all that is stored back by them; the clock stays."""
    account.clock.advance(seconds)
    run_due(account)
    account.clock.advance(-seconds)
    for kind, key, value in account.store.everything():
        if moved := {name: value[name] - seconds for name in MOMENTS if name in value}:
            account.store.put(kind, key, {**value, **moved})
    account.timers.load()

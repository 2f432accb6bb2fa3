"""A Stripe account in one of its two modes, which have no object in common."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["live", "test"]


@dataclass(frozen=True, slots=True)
class Account:
    """`id` is Stripe's, `acct_…`."""

    id: str
    mode: Mode

    def __str__(self) -> str:
        return f"{self.id} ({self.mode} mode)"

"""Why a key is not used."""

from app.stripe_account.account import Account
from app.stripe_gateway.errors import StripeMisconfigured


class AnotherAccount(StripeMisconfigured):
    """The key is of another Stripe account than the one that has this service's PaymentIntents."""

    def __init__(self, *, key_of: Account, remembered: Account) -> None:
        self.problem = f"STRIPE_SECRET_KEY is of account {key_of}, and the PaymentIntents here are of {remembered}."
        self.remedy = (
            f"Use a key of {remembered}. If they are to be given up, run `python -m app accept-account {key_of.id}`."
        )
        super().__init__(f"{self.problem} {self.remedy}")

"""Client secrets, kept in memory only, for five minutes at most and in a bounded number.

They are never stored (Stripe: "should not be stored, logged, or exposed"). Keeping them saves a call to Stripe when a
page is reloaded.
"""

from datetime import timedelta

from cachetools import TTLCache

# 10,000 carts in five minutes on one process; about 3 MB.
MAX_SECRETS = 10_000


class ClientSecrets:
    """The client secrets that this process received lately, by PaymentIntent."""

    def __init__(self, lifetime: timedelta) -> None:
        self._secrets: TTLCache[str, str] = TTLCache(MAX_SECRETS, lifetime.total_seconds())

    def remember(self, stripe_id: str, secret: object) -> None:
        if isinstance(secret, str):
            self._secrets[stripe_id] = secret

    def get(self, stripe_id: str) -> str | None:
        found: str | None = self._secrets.get(stripe_id)
        return found

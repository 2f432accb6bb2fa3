"""Restricted keys: what each may do, as in Stripe's dashboard. Write includes read.

The names are those in Stripe's own refusals (`rak_charge_read`). Refunds stand with charges there; the account itself
is `accounts_kyc_basic`.
"""

from sandbox.account import Account
from sandbox.errors import ApiError

# By the first part of the path.
RESOURCES = {
    "account": "accounts_kyc_basic",
    "charges": "charge",
    "checkout": "checkout_session",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "refunds": "charge",
    "webhook_endpoints": "webhook",
}
PERMISSIONS = frozenset(f"{name}_{right}" for name in RESOURCES.values() for right in ("read", "write"))
FORBIDDEN = 403


def check(account: Account, key: str, method: str, path: str) -> None:
    """Raise ApiError (403) if this is a restricted key that may not make this request."""
    permissions = account.restricted_keys.get(key)
    if permissions is None:
        return
    right = "read" if method == "GET" else "write"
    resource = RESOURCES.get(path.split("/")[2])
    if resource is None or permissions.isdisjoint({f"{resource}_{right}", f"{resource}_write"}):
        hint = f"Having the 'rak_{resource}_{right}' permission would allow this request to continue."
        raise ApiError(
            f"The provided key '{masked(key)}' does not have the required permissions for this endpoint on account "
            f"'acct_sandbox'. {hint if resource else ''}".rstrip(),
            status=FORBIDDEN,
        )


def masked(key: str) -> str:
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * len(key)  # noqa: PLR2004  enough to hide

"""The parameters that only Stripe's own script in the browser sends; Stripe documents none of them."""

from collections.abc import Mapping
from typing import Any

SCRIPT_PARAMS = frozenset(
    {
        "client_attribution_metadata",
        "expected_payment_method_type",
        "guid",
        "is_stripe_sdk",
        "muid",
        "pasted_fields",
        "payment_user_agent",
        "referrer",
        "sid",
        "time_on_page",
    }
)


def without_script_params(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters without those of the script, which change nothing here."""
    kept = {name: value for name, value in given.items() if name not in SCRIPT_PARAMS}
    data = kept.get("payment_method_data")
    if isinstance(data, dict):
        kept["payment_method_data"] = {name: value for name, value in data.items() if name not in SCRIPT_PARAMS}
    return kept

"""What a refund asks of Stripe, and what tells our refunds from others."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.payment_intents.protocol.terms import Reference, StripeMetadata

# Our own keys in the metadata of a refund.
METADATA_KEYS = frozenset({"instance", "payment_intent_id", "reference_kind", "reference_id", "refund_id"})


def create_params(
    refund_id: UUID,
    ours: StripeMetadata,
    *,
    stripe_id: str,
    amount: int,
    reason: str | None,
    metadata: Mapping[str, str],
) -> str:
    """Return the parameters of the create call as JSON. They are frozen in the row: its key allows no others.

    The amount is always sent: what is left may be another one when the call arrives.
    """
    params: dict[str, Any] = {
        "payment_intent": stripe_id,
        "amount": amount,
        "metadata": {**metadata, **ours.identity(), "refund_id": str(refund_id)},
    }
    return json.dumps(params | ({"reason": reason} if reason else {}))


def own_metadata(params: str | None) -> dict[str, str]:
    """Return the caller's metadata in the frozen parameters."""
    metadata = json.loads(params)["metadata"] if params else {}
    return {name: value for name, value in metadata.items() if name not in METADATA_KEYS}


def fingerprint(reference: Reference, body: Mapping[str, Any]) -> str:
    """Return what tells one request from another: two that ask the same of the same cart have the same one."""
    request = json.dumps([reference.kind, reference.id, body], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()

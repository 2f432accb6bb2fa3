"""What a refund asks of Stripe, and what tells our refunds from others."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from app.payment_intents.protocol.terms import Reference, StripeMetadata

NAMESPACE = UUID("6b0f6a0e-5f0c-4d0e-9b53-2f6c8a1d7e42")  # any that nobody else uses

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


def id_of(payment_intent_id: UUID, client: str, key: str) -> UUID:
    """Return the id of the refund that this Idempotency-Key makes of a payment.

    It is made from the key, and stands in the refund's metadata: so a refund that a backup had lost answers its key.
    """
    return uuid5(NAMESPACE, json.dumps([str(payment_intent_id), client, key]))


def own_metadata(params: str | None) -> dict[str, str]:
    """Return the caller's metadata in the frozen parameters."""
    metadata = json.loads(params)["metadata"] if params else {}
    return {name: value for name, value in metadata.items() if name not in METADATA_KEYS}


def fingerprint(reference: Reference, body: Mapping[str, Any]) -> str:
    """Return what tells one request from another: two that ask the same of the same cart have the same one."""
    request = json.dumps([reference.kind, reference.id, body], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()

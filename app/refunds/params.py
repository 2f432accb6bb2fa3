"""What a refund asks of Stripe, and how ours are told from others'."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from app.payment_intents.content import Marks
from app.references.models import Reference

MARKS = frozenset({"instance", "payment_intent_id", "reference_kind", "reference_id", "refund_id"})


def opening_parameters(
    refund_id: uuid.UUID,
    marks: Marks,
    *,
    stripe_id: str,
    amount: int,
    reason: str | None,
    metadata: Mapping[str, str],
) -> dict[str, Any]:
    """Make the parameters of the create call, which are frozen in the row: its key allows no others.

    The amount is always sent: what is left may be another one when the call arrives.
    """
    params = {
        "payment_intent": stripe_id,
        "amount": amount,
        "metadata": {**metadata, **marks.identity(), "refund_id": str(refund_id)},
    }
    return params | ({"reason": reason} if reason else {})


def own_metadata(opening: Mapping[str, Any] | None) -> dict[str, str]:
    """Read the caller's metadata back out of the frozen parameters."""
    metadata = opening["metadata"] if opening else {}
    return {name: value for name, value in metadata.items() if name not in MARKS}


def marked_by(metadata: Mapping[str, str], instance: str) -> uuid.UUID | None:
    """Read our id out of the metadata of a refund at Stripe, if this installation made it."""
    if metadata.get("instance") != instance:
        return None
    try:
        return uuid.UUID(metadata.get("refund_id", ""))
    except ValueError:
        return None


def fingerprint(reference: Reference, body: Mapping[str, Any]) -> str:
    """Tell one request from another: two that ask the same of the same cart have the same one."""
    asked = json.dumps([reference.kind, reference.id, body], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()

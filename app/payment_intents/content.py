"""What a PaymentIntent is for, as the caller states it, and as form parameters for Stripe.

A *content* is a dictionary of the fields below, None where unset: it is what a PUT requests (`requested`)
and what Stripe is known to hold (`applied`, with its `revision`; a field that is not known is missing).
All that we make at Stripe carries our marks in its metadata, the revision among them: it tells which
request an answer shows.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.references.models import Kind, Reference
from app.stripe_gateway import PaymentIntentSnapshot

Content = Mapping[str, Any]

# Sent to Stripe as they are; `metadata` and `cart_version` take part too, as metadata.
FIELDS = (
    "amount",
    "currency",
    "customer",
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor_suffix",
    "setup_future_usage",
    "capture_method",
)

MARKS = frozenset({"instance", "payment_intent_id", "reference_kind", "reference_id", "revision", "cart_version"})

KINDS: dict[str, Kind] = {"cart": "cart", "session": "session"}

MAX_DIGITS = 18  # of a number that fits into 64 bits


@dataclass(frozen=True, slots=True)
class Marks:
    """How our objects at Stripe are told from others' (staging and laptops share accounts)."""

    instance: str
    payment_intent_id: uuid.UUID
    reference: Reference

    def ours(self) -> dict[str, str]:
        """Give the marks that stay: a claim may have been moved since its parameters were frozen."""
        return {"instance": self.instance, "payment_intent_id": str(self.payment_intent_id)}

    def identity(self) -> dict[str, str]:
        return self.ours() | {"reference_kind": self.reference.kind, "reference_id": self.reference.id}

    def of(self, content: Content, revision: int) -> dict[str, str]:
        version = content["cart_version"]
        return self.identity() | {
            "revision": str(revision),
            "cart_version": "" if version is None else str(version),
        }


def opening_parameters(content: Content, revision: int, marks: Marks) -> dict[str, Any]:
    """Make the parameters of the create call, which are frozen in the row: its key allows no others."""
    fields = {name: content[name] for name in FIELDS if content[name] is not None}
    metadata = content["metadata"] | marks.of(content, revision)
    return fields | {
        "metadata": {name: value for name, value in metadata.items() if value != ""},
        "automatic_payment_methods": {"enabled": True},
    }


def update_parameters(applied: Content, requested: Content, revision: int, marks: Marks) -> dict[str, Any]:
    """Make the parameters that turn `applied` into `requested`: an empty string unsets."""
    fields = {
        name: "" if requested[name] is None else requested[name]
        for name in FIELDS
        if _differs(applied, requested, name)
    }
    unset = dict.fromkeys(applied.get("metadata") or {}, "")
    return fields | {"metadata": unset | requested["metadata"] | marks.of(requested, revision)}


def opened_with(opening: Mapping[str, Any]) -> dict[str, Any]:
    """Read the content and its revision back out of the frozen parameters of a create call."""
    metadata = opening["metadata"]
    version = metadata.get("cart_version")
    return {name: opening.get(name) for name in FIELDS} | {
        "metadata": {name: value for name, value in metadata.items() if name not in MARKS},
        "cart_version": None if version is None else int(version),
        "revision": int(metadata["revision"]),
    }


def held_by(snapshot: PaymentIntentSnapshot) -> dict[str, Any]:
    """Read the content that Stripe holds out of what it said."""
    version = snapshot.metadata.get("cart_version", "")
    return {name: snapshot.fields.get(name) for name in FIELDS} | {
        "amount": snapshot.amount,
        "currency": snapshot.currency,
        "metadata": {name: value for name, value in snapshot.metadata.items() if name not in MARKS},
        "cart_version": int(version) if version.isdecimal() and len(version) <= MAX_DIGITS else None,
    }


def agree(applied: Content, requested: Content) -> bool:
    """Tell whether Stripe holds all that was requested."""
    return not any(_differs(applied, requested, name) for name in requested)


def same_price(one: Content, other: Content) -> bool:
    return bool(one["amount"] == other["amount"] and one["currency"] == other["currency"])


def _differs(applied: Content, requested: Content, name: str) -> bool:
    return name not in applied or bool(applied[name] != requested[name])


def marked_by(metadata: Mapping[str, str], instance: str) -> uuid.UUID | None:
    """Read our id out of the metadata of something at Stripe, if this installation made it."""
    if metadata.get("instance") != instance:
        return None
    try:
        return uuid.UUID(metadata.get("payment_intent_id", ""))
    except ValueError:
        return None


def marks_in(metadata: Mapping[str, str], instance: str) -> Marks | None:
    """Read our marks out of the metadata of something at Stripe, if this installation made it."""
    payment_intent_id = marked_by(metadata, instance)
    kind = KINDS.get(metadata.get("reference_kind", ""))
    reference_id = metadata.get("reference_id", "")
    if payment_intent_id is None or kind is None or not reference_id:
        return None
    return Marks(instance, payment_intent_id, Reference(kind, reference_id))


def revision_in(metadata: Mapping[str, str]) -> int:
    """Tell which request of ours something at Stripe shows; 0 when it does not say."""
    revision = metadata.get("revision", "")
    return int(revision) if revision.isdecimal() and len(revision) <= MAX_DIGITS else 0

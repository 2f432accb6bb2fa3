"""All that can be chosen about a sandbox, read once and frozen."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sandbox.methods.types import TYPES

API_VERSION = "2026-10-28.endive"

OPEN_STATUSES = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
ALL_STATUSES = OPEN_STATUSES | {"processing", "requires_capture", "succeeded", "canceled"}


@dataclass(frozen=True)
class Unconfirmed:
    """Behaviours of Stripe that nothing we could read confirms; each default is our best guess."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    in_use_error_type: str = "idempotency_error"
    """The error type of the 409 for a key whose first request is still running."""
    unexpected_state_param: str | None = None
    """The `param` of a `payment_intent_unexpected_state` error."""
    metadata_statuses: frozenset[str] = ALL_STATUSES
    """The statuses in which `metadata` and `description` of a PaymentIntent can be updated."""
    amount_update_during_action: Literal["reconfirm", "keep", "refuse"] = "reconfirm"
    """What a new amount does to a running 3DS challenge."""
    updates_during_action: Literal["all", "metadata", "none"] = "all"
    """What of a PaymentIntent can be updated during a 3DS challenge; `metadata` is that and the description."""
    same_customer_again: Literal["accept", "refuse"] = "accept"
    """Whether an update may name the customer that the PaymentIntent has already."""
    processing_cancel: Literal["accept", "refuse"] = "accept"
    """Whether a bank debit in `processing` can be cancelled; Stripe says that it can fail."""
    partial_dispute_leaves_rest_refundable: bool = False
    """Whether what is not disputed can be refunded while a part of the Charge is disputed."""
    expiry_cancels_failed_attempt: bool = True
    """Whether a Checkout Session that expires cancels the PaymentIntent of its failed attempt."""
    closed_session_metadata: Literal["accept", "refuse"] = "accept"
    """Whether `metadata` of a Checkout Session can be updated once it is complete or expired."""
    line_items_during_action: Literal["abandon", "keep", "refuse"] = "abandon"
    """What an update of a Checkout Session's line items does to a running 3DS challenge."""
    abandoned_after: timedelta | None = None
    """When a bare PaymentIntent that nobody confirms is cancelled; None is never."""
    confirmation_limit: int = 100
    """How often a PaymentIntent can be confirmed; one more confirm cancels it."""
    three_decimal_last_digit_zero: bool = True
    """Whether amounts in BHD, JOD, KWD, OMR and TND must end in 0."""
    failed_authentication_leaves_charge: bool = False
    """Whether a failed 3DS challenge leaves a failed Charge."""
    refunds_of_other_methods: Literal["pending", "succeeded"] = "pending"
    """The status in which a refund begins that goes to a bank account or to Klarna."""
    webhook_timeout: timedelta = timedelta(seconds=20)
    """How long an endpoint may take to answer."""


@dataclass(frozen=True)
class Lenient:
    """What Stripe refuses and the sandbox allows when told to, so that a service can be made right step by step."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    empty_strings: frozenset[str] = frozenset()
    """The parameters that an update of a PaymentIntent unsets by an empty string; Stripe: `parameter_invalid_empty`."""
    customer_changes: bool = False
    """Whether the customer of a PaymentIntent can be changed and unset; Stripe: `payment_intent_unexpected_state`."""


@dataclass(frozen=True)
class SandboxConfig:
    """Keys of None accept any `sk_test_…` or `pk_test_…`; without `state` all is in memory only."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    secret_key: str | None = None
    publishable_key: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    public_url: str | None = None
    """Where a browser finds the sandbox; None means where the request came to."""
    state: Path | None = None
    seed: int | None = None
    """With a seed, two runs with the same requests give the same ids."""
    frozen_at: int | None = None
    """With a Unix time, the clock stands still there and moves only when it is advanced."""
    keep: int | None = None
    """How many objects of each kind are kept, the newest; None keeps all."""
    webhook_backoff: tuple[float, ...] = (1, 3, 10, 60, 600, 3600, 10800)
    """Seconds of the sandbox's clock before each retry; Stripe's own test mode retries 3 times in hours."""
    webhook_concurrency: int = 1
    """How many deliveries an endpoint gets at once; more than 1 gives up the order."""
    enabled_methods: tuple[str, ...] = ("card", "us_bank_account")
    """The types that automatic payment methods offer, as the Dashboard's settings say at Stripe."""
    capture_delay: timedelta = timedelta(0)
    """How long after a success the balance transaction arrives (Stripe promises an hour)."""
    settle_delay: timedelta = timedelta(minutes=1)
    """How long a pending refund or a bank debit takes, and when a failing refund fails."""
    authorization_period: timedelta = timedelta(days=7)
    adaptive_pricing: bool = False
    """Whether the account's Dashboard has Adaptive Pricing on: what a Checkout Session has that does not say."""
    search_lag: timedelta = timedelta(0)
    """How old an object must be for the search to find it (Stripe: up to a minute)."""
    unconfirmed: Unconfirmed = field(default_factory=Unconfirmed)
    lenient: Lenient = field(default_factory=Lenient)

    def __post_init__(self) -> None:
        for key, prefix in ((self.secret_key, "sk_test_"), (self.publishable_key, "pk_test_")):
            if key is not None and not (key.isascii() and key.startswith(prefix)):
                raise ValueError(f"The sandbox takes only test keys: this one must begin with {prefix}.")
        if unknown := set(self.enabled_methods) - TYPES.keys():
            raise ValueError(f"The sandbox has no payment methods of the type {', '.join(sorted(unknown))}.")
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise ValueError("A webhook needs both its url and its secret.")
        if self.webhook_secret is not None and not self.webhook_secret.startswith("whsec_"):
            raise ValueError("A webhook secret must begin with whsec_.")


def from_environment(environment: Mapping[str, str] = os.environ, state: Path | None = None) -> SandboxConfig:
    """Read the keys and secrets, and the rest as JSON from SANDBOX_CONFIG; an empty variable counts as absent."""
    names = ("secret_key", "publishable_key", "webhook_url", "webhook_secret")
    given = {name: environment.get(f"SANDBOX_{name.upper()}") or None for name in names}
    rest = json.loads(environment.get("SANDBOX_CONFIG") or "{}")
    if not isinstance(rest, dict):
        raise ValueError("SANDBOX_CONFIG must be a JSON object.")  # noqa: TRY004  every wrong config is a ValueError
    try:
        return TypeAdapter(SandboxConfig).validate_python({"state": state, **rest, **given})
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors(include_input=False))
        raise ValueError("; ".join(wrong)) from None

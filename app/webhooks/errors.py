"""Why an event is not taken; Stripe sends it again."""

from collections.abc import Mapping
from typing import Any, ClassVar

from app.errors import Unavailable


class RecoveryPending(Unavailable):
    """Stripe holds this PaymentIntent of ours, and we do not (a backup was restored): it is being brought back.

    Send the event again.
    """

    code, title = "recovery_pending", "Recovery pending"
    extension_types: ClassVar[Mapping[str, Any]] = {"stripe_id": str}

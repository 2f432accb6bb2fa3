"""Why an event is not taken; Stripe sends it again."""

from app.errors import Unavailable
from app.stripe_gateway.errors import InvalidEvent


class WrongMode(InvalidEvent):
    """The event is of the other mode (live or test) than this service."""

    code, title = "wrong_mode", "Wrong mode"


class RecoveryPending(Unavailable):
    """Stripe holds this PaymentIntent of ours, and we do not (a backup was restored): it is being brought back.

    Send the event again.
    """

    code, title = "recovery_pending", "Recovery pending"

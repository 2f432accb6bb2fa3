"""Prove that Stripe sent a webhook, and read it.

The library's `construct_event` is 40 times slower than its own signature check and a plain parse, and
lets malformed input escape as TypeError or UnicodeDecodeError; it also accepts future timestamps.
"""

import json
import time
from collections.abc import Iterable

from pydantic import SecretStr
from stripe import SignatureVerificationError, WebhookSignature

from app.errors import InvalidEvent, InvalidSignature
from app.stripe_gateway.snapshots import StripeEvent

TOLERANCE_SECONDS = 300  # Stripe's own default, here in both directions


def verify(body: bytes, header: str | None, secrets: Iterable[SecretStr]) -> StripeEvent:
    """Check the signature over the raw bytes with every secret, then read the event.

    Raises InvalidSignature or InvalidEvent.
    """
    if not header or not header.isascii():
        raise InvalidSignature
    if not any(_is_signed(body, header, secret.get_secret_value()) for secret in secrets):
        raise InvalidSignature
    _check_not_from_the_future(header)
    try:
        return StripeEvent.parse(json.loads(body))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidEvent from error


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(WebhookSignature.verify_header(body, header, secret, TOLERANCE_SECONDS))
    except (SignatureVerificationError, UnicodeDecodeError):
        return False


def _check_not_from_the_future(header: str) -> None:
    """Refuse what is dated ahead; the header was parsed once already, so it has a timestamp."""
    stamps = [part.partition("=")[2] for part in header.split(",") if part.startswith("t=")]
    if int(stamps[0]) > time.time() + TOLERANCE_SECONDS:
        raise InvalidSignature

"""Sign events as Standard Webhooks has it, with secrets that are derived and never stored.

A secret is an HMAC of the endpoint's id and the secret's version under NOTIFICATION_KEY: it can be made again for each
request, and nobody who reads the database has it. Another key makes other secrets of all endpoints.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from standardwebhooks import Webhook


def derive_secret(key: bytes, endpoint_id: UUID, version: int) -> str:
    """Return a secret as receivers configure it: `whsec_…`."""
    made = hmac.digest(key, f"{endpoint_id}/{version}".encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(made).decode()}"


def signed_headers(event_id: str, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of one request; each secret signs, while one replaces another."""
    now = datetime.now(UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, now, body) for secret in secrets),
    }

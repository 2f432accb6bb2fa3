"""The `Stripe-Signature` header."""

import hashlib
import hmac
from collections.abc import Iterable


def sign(payload: bytes, secrets: Iterable[str], timestamp: int) -> str:
    """Sign with each secret: while one is rolled, the old and the new one."""
    signed = str(timestamp).encode() + b"." + payload
    digests = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={timestamp}", *(f"v1={digest}" for digest in digests)])

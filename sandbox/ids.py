"""Ids in Stripe's form: a prefix and letters and digits; the same ones in every run that has the same seed."""

import hashlib
import secrets

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TO_ALPHABET = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_LENGTH = 24


class Ids:
    """With a seed each prefix counts on its own, so that one more read does not change what a create gives."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self.counters: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        return f"{prefix}_{self.token(prefix)}"

    def token(self, purpose: str, length: int = _LENGTH) -> str:
        if self._seed is None:
            return secrets.token_bytes(length).translate(_TO_ALPHABET).decode("ascii")
        count = self.counters[purpose] = self.counters.get(purpose, 0) + 1
        digest = hashlib.blake2b(f"{self._seed}:{purpose}:{count}".encode(), digest_size=length).digest()
        return digest.translate(_TO_ALPHABET).decode("ascii")

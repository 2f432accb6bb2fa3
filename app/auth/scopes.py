"""What an API key may be allowed to do. The command line's help shows these words, so this imports nothing more."""

from typing import Literal

Scope = Literal["payments:read", "payments:write", "refunds:write", "events:read", "admin"]

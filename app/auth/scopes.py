"""What an API key, and what a person, may be allowed to do.

The command line's help shows these words, so this imports nothing more.
"""

from typing import Literal, get_args

Scope = Literal["payments:read", "payments:write", "refunds:write", "events:read", "admin"]

# Of a person in the console: `support` reads, `refunder` refunds within limits, `operator` does everything. Each may do
# what those before may do.
Role = Literal["support", "refunder", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)

"""A person who signed in to the console."""

from dataclasses import dataclass
from typing import TypeAlias

from app.auth.api_keys import Caller
from app.auth.scopes import ROLES, Role


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in: `subject` is what the OpenID provider knows them by, `name` what people do."""

    subject: str
    name: str
    role: Role

    @property
    def actor(self) -> str:
        """How domain events name it."""
        return f"person:{self.name}"

    @property
    def client(self) -> str:
        """Whose idempotency keys it uses. No API key's client has a colon in its name."""
        return f"person:{self.subject}"

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


# Who asks for a change.
Requester: TypeAlias = Caller | Person

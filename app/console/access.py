"""Who may see which page: each route asks for a role by type."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.scopes import Role
from app.console import sessions
from app.console.errors import RoleRequired, SignInRequired
from app.console.pages import COOKIE
from app.console.sessions import Session
from app.resources import Resources

MAX_COOKIE = 200


async def session_of(request: Request) -> Session | None:
    """Return the session of the browser, if it has a valid one."""
    found: Session | None = getattr(request.state, "console_session", None)
    secret = request.cookies.get(COOKIE)
    if found is None and secret and len(secret) <= MAX_COOKIE:
        resources: Resources = request.state.resources
        idle_after = resources.settings.console_idle_after
        found = request.state.console_session = await sessions.find(resources.database, secret, idle_after=idle_after)
    return found


class WithRole:
    """Accepts a session whose person has the role. Raises SignInRequired or RoleRequired."""

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request) -> Session:
        session = await session_of(request)
        if session is None:
            raise SignInRequired
        if not session.person.may(self._role):
            raise RoleRequired(f"This needs the role {self._role}; yours is {session.person.role}.")
        return session


Support = Annotated[Session, Depends(WithRole("support"))]
Refunder = Annotated[Session, Depends(WithRole("refunder"))]
Operator = Annotated[Session, Depends(WithRole("operator"))]

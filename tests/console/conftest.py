from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest

from app.auth.person import Person
from app.auth.scopes import Role
from app.console.pages import COOKIE
from app.console.sessions import open_session
from app.resources import Resources
from app.settings import Settings
from tests.conftest import settings_for
from tests.console.provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.console.visitor import Visitor


@pytest.fixture(scope="session")
def running() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    """Return a provider that tells the truth."""
    running.honest()
    return running


@pytest.fixture
def settings(database_url: str, sandbox_url: str, api_url: str, running: Provider) -> Settings:
    return settings_for(
        database_url,
        sandbox_url,
        console_url=api_url,
        console_issuer=running.url,
        console_client_id=CLIENT_ID,
        console_client_secret=CLIENT_SECRET,
        console_support_groups="support",
        console_refunder_groups="refunds,team-leads",
        console_operator_groups="ops",
        console_refund_limits="eur:500:1200,usd:5000:20000",
    )


SignedIn = Callable[..., Awaitable[Visitor]]


@pytest.fixture
def visitor(anonymous: httpx.AsyncClient) -> Visitor:
    """Return somebody who is not signed in."""
    return Visitor(anonymous)


@pytest.fixture
def signed_in(anonymous: httpx.AsyncClient, resources: Resources) -> SignedIn:
    """Return somebody with a session of their own."""

    async def sign_in(role: Role = "support", name: str = "grace") -> Visitor:
        person = Person(f"sub-{name}", name, role)
        lifetime = resources.settings.console_session_lifetime
        secret = await open_session(resources.database, person, lifetime=lifetime)
        return Visitor(anonymous, {COOKIE: secret})

    return sign_in

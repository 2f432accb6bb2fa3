"""Every route of the console, with every role and with none, gives exactly the expected status.

A new route needs a row in ROUTES: without one, `test_every_route_has_a_row` fails.
"""

from dataclasses import dataclass, field

import httpx
import pytest
from fastapi.routing import APIRoute

from app.auth.scopes import ROLES, Role
from app.console.router import ROUTERS
from tests.cart import Cart
from tests.console.conftest import SignedIn
from tests.console.visitor import Visitor


@dataclass(frozen=True)
class Row:
    """The least role that gets `status`; None is for all. Who has none is led to the sign-in, or gets 401 for a form.

    A form without its token gets 403 from all; that it is done with one, other tests show.
    """

    role: Role | None
    status: int = 200
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


PAYMENT = {"payment_intent_id": "{id}"}
ROUTES: dict[str, Row] = {
    "GET /console": Row("support"),
    "GET /console/worklist": Row("support"),
    "GET /console/now": Row("support"),
    "GET /console/live": Row("support", query={"payment": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11"}, status=404),
    "GET /console/refunds": Row("support"),
    "GET /console/disputes": Row("support"),
    "GET /console/payments/{payment_intent_id}": Row("support", path=PAYMENT),
    "GET /console/payments/{payment_intent_id}/{action}": Row("refunder", path=PAYMENT | {"action": "refund"}),
    "POST /console/payments/{payment_intent_id}/{action}": Row("refunder", 403, path=PAYMENT | {"action": "refund"}),
    "GET /console/sign-in": Row(None),
    "GET /console/sign-in/start": Row(None, 303),
    "GET /console/sign-in/callback": Row(None, 400),
    "GET /console/sign-in/link": Row(None, 400, query={"token": "none"}),
    "POST /console/sign-out": Row("support", 403),
    "GET /console/static/{name}": Row(None, path={"name": "console.css"}),
    "GET /console/{rest}": Row("support", 404, path={"rest": "none"}),
}


def routes() -> dict[str, APIRoute]:
    return {
        f"{method} {route.path_format}": route
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def test_every_route_has_a_row() -> None:
    assert routes().keys() == ROUTES.keys()
    assert not any(route.include_in_schema for route in routes().values())


def expected(row: Row, method: str, role: Role | None) -> int:
    if row.role is None:
        return 303 if row.status == 400 and "link" in str(row.query) else row.status
    if role is None:
        return 303 if method == "GET" else 401
    return row.status if ROLES.index(role) >= ROLES.index(row.role) else 403


@pytest.mark.parametrize("name", ROUTES)
async def test_each_role_gets_exactly_its_status_and_safe_headers(
    name: str, cart: Cart, signed_in: SignedIn, visitor: Visitor
) -> None:
    row, (method, path) = ROUTES[name], name.split(" ")
    made = (await cart.owe())["id"]
    del cart.api.headers["Authorization"]
    url = path.format_map({key: value.format(id=made) for key, value in row.path.items()})
    url += f"?{httpx.QueryParams(row.query)}" if row.query else ""
    people: dict[Role | None, Visitor] = {None: visitor} | {role: await signed_in(role) for role in ROLES}
    answers = {
        role: await person.send(method, url, {} if method == "POST" else None) for role, person in people.items()
    }
    wanted = {role: expected(row, method, role) for role in people}
    if name == "GET /console/sign-in/link":  # who is signed in already is led to the first page
        wanted |= dict.fromkeys(ROLES, 303)
    assert {role: answer.status_code for role, answer in answers.items()} == wanted
    for role, answer in answers.items():
        check_headers(answer, path)
        if answer.status_code == 303 and role is None and row.role is not None:
            assert answer.headers["location"].startswith("/console/sign-in?next=%2Fconsole")


def check_headers(answer: httpx.Response, path: str) -> None:
    """Assert that a page trusts nothing from elsewhere, stands in no frame, and is kept by nobody."""
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    is_static = path.startswith("/console/static")
    assert answer.headers["cache-control"] == ("no-cache" if is_static else "no-store")


async def test_an_api_key_opens_no_page(api: httpx.AsyncClient) -> None:
    assert (await api.get("/console")).status_code == 303


async def test_a_session_opens_nothing_of_the_api(signed_in: SignedIn) -> None:
    visitor = await signed_in("operator")
    assert (await visitor.get("/v1/payment-intents")).status_code == 401

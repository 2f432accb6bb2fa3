"""Signing in at a real OpenID provider, and every way in which its answer may be wrong."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import RSAKey

from app.console.errors import ProviderUnavailable
from app.console.oidc import OpenIdProvider, SignIn
from app.console.pages import COOKIE
from app.resources import Resources
from app.settings import Settings
from tests.console.conftest import SignedIn
from tests.console.provider import CLIENT_ID, Provider
from tests.console.visitor import Visitor, path_of
from tests.database import Database


async def go_to_provider(visitor: Visitor, page: str = "/console") -> str:
    """Return the address at the provider that the sign-in leads to."""
    answer = await visitor.get(f"/console/sign-in/start?next={page}")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def agree(address: str, provider: Provider, user: str = "ada", **claims: Any) -> str:
    """Sign in at the provider as this person; return the path with which the browser comes back."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        await browser.put(f"{provider.url}/users/{user}", json={"preferred_username": user, "groups": ["ops"]} | claims)
        answer = await browser.post(address, data={"sub": user})
        assert answer.status_code == 302, answer.text
        return path_of(answer.headers["location"])


async def sign_in(visitor: Visitor, provider: Provider, **claims: Any) -> httpx.Response:
    return await visitor.get(await agree(await go_to_provider(visitor), provider, **claims))


async def is_signed_in(visitor: Visitor) -> bool:
    return (await visitor.get("/console")).status_code == 200


async def test_a_person_signs_in_and_comes_back_to_the_page_they_wanted(visitor: Visitor, provider: Provider) -> None:
    wanted = await visitor.get("/console/refunds?status=failed")
    assert wanted.status_code == 303
    page = await visitor.page(wanted.headers["location"])
    assert "/console/sign-in/start?next=/console/refunds%3Fstatus%3Dfailed" in page
    address = await go_to_provider(visitor, "/console/refunds%3Fstatus%3Dfailed")
    answer = await visitor.get(await agree(address, provider))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/refunds?status=failed")
    page = await visitor.page("/console")
    assert "<b>ada</b>" in page
    assert "operator" in page


async def test_the_request_asks_for_a_code_with_pkce_state_and_nonce(visitor: Visitor, provider: Provider) -> None:
    asked = parse_qs(urlsplit(await go_to_provider(visitor)).query)
    assert (asked["response_type"], asked["client_id"]) == (["code"], [CLIENT_ID])
    assert asked["code_challenge_method"] == ["S256"]
    assert len({asked[name][0] for name in ("state", "nonce", "code_challenge")}) == 3
    assert asked["redirect_uri"][0].endswith("/console/sign-in/callback")
    await sign_in(visitor, provider)
    [sent] = provider.token_requests
    assert create_s256_code_challenge(sent["code_verifier"]) in provider.challenges.values()
    assert sent["authorization"].startswith("Basic ")
    assert "client_secret" not in sent


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["support"], "support"),
        (["others", "team-leads"], "refunder"),
        (["support", "ops", "refunds"], "operator"),
        ("ops", "operator"),
    ],
    ids=str,
)
async def test_the_highest_role_of_the_groups_counts(
    groups: object, role: str, visitor: Visitor, provider: Provider, database: Database
) -> None:
    assert (await sign_in(visitor, provider, groups=groups)).status_code == 303
    assert await database.column("SELECT role FROM console_sessions") == [role]


async def test_who_has_no_group_with_a_role_is_not_let_in(visitor: Visitor, provider: Provider) -> None:
    for groups in ([], ["others"], None, "", {"ops": True}, [["ops"]], "opsy"):
        answer = await sign_in(visitor, provider, groups=groups)
        assert (answer.status_code, "no_role" in answer.text) == (403, True), groups
    assert not await is_signed_in(visitor)


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-client"},
    "no audience": {"aud": None},
    "another authorized party": {"azp": "another-client"},
    "several audiences without a party": {"aud": [CLIENT_ID, "another-client"]},
    "another nonce": {"nonce": "0" * 64},
    "no nonce": {"nonce": None},
    "expired": {"exp": int(time.time()) - 3600},
    "without an end": {"exp": None},
    "of the future": {"iat": int(time.time()) + 3600},
    "not valid yet": {"nbf": int(time.time()) + 3600},
    "of nobody": {"sub": None},
}


async def test_an_id_token_with_a_wrong_claim_signs_nobody_in(
    visitor: Visitor, provider: Provider, database: Database
) -> None:
    for name, claims in WRONG.items():
        provider.claims = claims
        answer = await sign_in(visitor, provider)
        assert (answer.status_code, "sign_in_failed" in answer.text) == (400, True), name
    assert await database.column("SELECT id FROM console_sessions") == []
    provider.claims = {}
    assert (await sign_in(visitor, provider)).status_code == 303, "the truth does"


@pytest.mark.parametrize("algorithm", ["RS256", "none"])
async def test_an_id_token_that_the_provider_did_not_sign_signs_nobody_in(
    algorithm: str, visitor: Visitor, provider: Provider
) -> None:
    provider.signs_with, provider.algorithm = RSAKey.generate_key(2048, {"kid": "first"}), algorithm
    assert (await sign_in(visitor, provider)).status_code == 400
    assert not await is_signed_in(visitor)


async def test_a_code_can_not_be_used_again(visitor: Visitor, provider: Provider) -> None:
    back = await agree(await go_to_provider(visitor), provider)
    kept = dict(visitor.cookies)
    assert (await visitor.get(back)).status_code == 303
    thief = Visitor(visitor.client, kept)
    assert (await thief.get(back)).status_code == 400
    assert not await is_signed_in(thief)
    assert (await Visitor(visitor.client).get(back)).status_code == 400


@pytest.mark.parametrize("change", ["another state", "no state", "no code", "another code", "an error"])
async def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(
    change: str, visitor: Visitor, provider: Provider
) -> None:
    back = await agree(await go_to_provider(visitor), provider)
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    changes: dict[str, dict[str, str]] = {
        "another state": query | {"state": "0" * 64},
        "no state": {"code": query["code"]},
        "no code": {"state": query["state"]},
        "another code": query | {"code": "0" * 48},
        "an error": {"error": "access_denied", "state": query["state"]},
    }
    answer = await visitor.get(f"/console/sign-in/callback?{httpx.QueryParams(changes[change])}")
    assert answer.status_code == 400
    assert not await is_signed_in(visitor)


async def test_a_code_of_one_browser_is_of_no_use_in_another(visitor: Visitor, provider: Provider) -> None:
    """An attacker who signs in and hands their own answer over must not sign the victim in as the attacker."""
    attacker = Visitor(visitor.client)
    back = await agree(await go_to_provider(attacker), provider, user="mallory")
    await go_to_provider(visitor)
    assert (await visitor.get(back)).status_code == 400
    assert not await is_signed_in(visitor)


async def test_a_stolen_code_is_of_no_use_without_its_verifier(visitor: Visitor, provider: Provider) -> None:
    back = await agree(await go_to_provider(visitor), provider)
    code = parse_qs(urlsplit(back).query)["code"][0]
    thief = Visitor(visitor.client)
    own = parse_qs(urlsplit(await go_to_provider(thief)).query)["state"][0]
    assert (await thief.get(f"/console/sign-in/callback?code={code}&state={own}")).status_code == 400
    assert not await is_signed_in(thief)


async def test_a_provider_that_calls_itself_by_another_name_is_not_used(visitor: Visitor, provider: Provider) -> None:
    provider.issuer = "https://evil.example"
    answer = await visitor.get("/console/sign-in/start")
    assert (answer.status_code, "provider_unavailable" in answer.text) == (503, True)


async def test_the_sign_in_leads_to_no_other_place(visitor: Visitor, provider: Provider) -> None:
    for page in (
        *("https://evil.example", "//evil.example", "/\\evil.example", "/console\\@evil.example", "/consoles"),
        *("/console/../v1/carts", "/console/sign-in", "javascript:alert(1)", "/console\r\nX: y"),
    ):
        answer = await visitor.get(f"/console/sign-in/start?{httpx.QueryParams({'next': page})}")
        back = await visitor.get(await agree(answer.headers["location"], provider))
        assert back.headers["location"] == "/console", page


async def test_cookies_are_for_this_host_over_tls_and_not_for_scripts(visitor: Visitor, provider: Provider) -> None:
    answers = [await visitor.get("/console/sign-in/start")]
    answers.append(await visitor.get(await agree(answers[0].headers["location"], provider)))
    cookies = [line for answer in answers for line in answer.headers.get_list("set-cookie")]
    assert len(cookies) == 3
    for line in cookies:
        assert line.startswith("__Host-console")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(line.split("; "))
        assert "Domain" not in line


async def test_the_database_has_no_cookie(signed_in: SignedIn, database: Database) -> None:
    visitor = await signed_in()
    assert await is_signed_in(visitor)
    assert visitor.cookies[COOKIE] not in await database.dump()


async def test_the_client_secret_is_on_no_page_and_in_no_address(
    visitor: Visitor, provider: Provider, resources: Resources
) -> None:
    address = await go_to_provider(visitor)
    await visitor.get(await agree(address, provider))
    secret = resources.settings.console_client_secret
    assert secret is not None
    assert secret.get_secret_value() not in address + await visitor.page("/console")


async def test_signing_in_again_ends_the_session_before(visitor: Visitor, provider: Provider) -> None:
    await sign_in(visitor, provider)
    copy = Visitor(visitor.client, dict(visitor.cookies))
    await sign_in(visitor, provider)
    assert await is_signed_in(visitor)
    assert not await is_signed_in(copy)


async def test_an_address_makes_us_ask_the_provider_only_so_often(visitor: Visitor, provider: Provider) -> None:
    answers = [(await visitor.get("/console/sign-in/start")).status_code for _ in range(61)]
    assert answers == [303] * 60 + [429]
    back = f"/console/sign-in/callback?code=x&state={'0' * 64}"
    assert (await visitor.get(back)).status_code == 400, "what the browser did not ask for is refused before"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://127.0.0.1:{port}/nothing"])
async def test_while_the_provider_is_away_nobody_signs_in_and_who_is_signed_in_goes_on(
    address: str, signed_in: SignedIn, running: Provider, settings: Settings
) -> None:
    issuer = address.format(port=running.url.rpartition(":")[2])
    away = OpenIdProvider(settings.model_copy(update={"console_issuer": issuer}))
    with pytest.raises(ProviderUnavailable):
        await away.address(SignIn("secret"))
    assert await is_signed_in(await signed_in())

"""A form is taken only from a page of this very session, for this very address."""

import httpx
import pytest

from tests.console.conftest import SignedIn

OUT = "/console/sign-out"


async def test_a_forged_missing_or_foreign_token_is_refused(signed_in: SignedIn) -> None:
    visitor, other = await signed_in(), await signed_in(name="ada")
    token = (await visitor.form_at("/console", OUT))["token"]
    foreign = (await other.form_at("/console", OUT))["token"]
    for wrong in ("", "0" * 64, foreign, token[:-1], token + "0", "é", "\x00"):
        answer = await visitor.post(OUT, {"token": wrong})
        assert answer.status_code in {400, 403}, wrong
    assert (await visitor.post(OUT, {})).status_code == 403
    assert (await visitor.get("/console")).status_code == 200, "nobody was signed out"


async def test_a_token_of_a_session_that_ended_is_refused(signed_in: SignedIn) -> None:
    first = await signed_in()
    form = await first.form_at("/console", OUT)
    assert (await first.post(OUT, form)).status_code == 303
    again = await signed_in()
    assert (await again.post(OUT, form)).status_code == 403


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"token": "x"}', "application/json", 415),
        (b"token=x&token=x", "application/x-www-form-urlencoded", 400),
        (b"&" * 100, "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 30, "application/x-www-form-urlencoded", 400),
        (b"token=%ff%fe", "application/x-www-form-urlencoded", 403),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"token=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"", "", 403),
    ],
    ids=["json", "twice", "empty", "many", "bytes", "raw bytes", "large", "none"],
)
async def test_a_body_that_is_no_form_is_refused(
    body: bytes, media_type: str, status: int, signed_in: SignedIn, anonymous: httpx.AsyncClient
) -> None:
    visitor = await signed_in()
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    answer = await anonymous.post(OUT, content=body, headers={"Cookie": cookie, "Content-Type": media_type})
    assert answer.status_code == status
    assert (await visitor.get("/console")).status_code == 200

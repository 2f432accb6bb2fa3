"""The Stripe account is remembered, and a key of another one is refused until it is accepted."""

import asyncio
import sys

import pytest

from app.doctor.checks import examine
from app.resources import Resources
from app.settings import Settings
from app.stripe_account import service
from app.stripe_account.errors import AnotherAccount
from sandbox.client import SandboxClient
from tests.database import Database
from tests.processes import api_process, environment

ACCEPT = "python -m app accept-account acct_sandbox"


async def _run(settings: Settings, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *words),
        env=environment(settings) | {"COLUMNS": "300"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_the_first_account_is_remembered(resources: Resources) -> None:
    first, again = await service.check(resources), await service.check(resources)
    assert str(first) == str(again) == "acct_sandbox (test mode)"
    assert await service.is_remembered(resources)


@pytest.mark.parametrize("other", [("acct_other", "test"), ("acct_sandbox", "live")], ids=["account", "mode"])
async def test_another_one_is_refused(resources: Resources, database: Database, other: tuple[str, str]) -> None:
    await service.check(resources)
    await database.use_account(*other)
    with pytest.raises(AnotherAccount, match="accept-account acct_sandbox"):
        await service.check(resources)
    assert not await service.is_remembered(resources)


async def test_a_start_and_the_doctor_name_the_command_that_accepts_it(
    settings: Settings, resources: Resources, database: Database, sandbox: SandboxClient
) -> None:
    await service.check(resources)
    await database.use_account("acct_other")
    serve, worker = await asyncio.gather(_run(settings, "serve", "--port", "0"), _run(settings, "worker"))
    [key] = [each for each in await examine(settings) if each.subject == "Stripe key"]
    wrong = await _run(settings, "accept-account", "acct_third")
    accepted = await _run(settings, "accept-account", "acct_sandbox")
    for code, said in (serve, worker):
        assert code == 1
        assert "acct_sandbox" in said
        assert "acct_other" in said
        assert ACCEPT in said
    assert key.remedy is not None
    assert ACCEPT in key.remedy
    assert (wrong[0], accepted[0]) == (1, 0), wrong[1] + accepted[1]
    assert await service.is_remembered(resources)
    async with api_process(settings):
        pass


async def test_a_stripe_that_does_not_answer_refuses_no_start(settings: Settings, database: Database) -> None:
    away = settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})
    assert await service.why_refused(away) is None

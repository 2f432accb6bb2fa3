"""`python -m app events replay` and `python -m app sync` as a person runs them."""

import asyncio
import sys

import httpx
import pytest
from typer.testing import CliRunner

from app.__main__ import app
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.processes import environment
from tests.webhooks.sending import CART, put


async def _run(settings: Settings, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *words),
        env=environment(settings) | {"COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_replay_and_sync_say_what_they_repaired(
    api: httpx.AsyncClient, sandbox: SandboxClient, settings: Settings
) -> None:
    await sandbox.lose_webhooks()
    paid, declined = await put(api), "pm_card_visa_chargeDeclined"
    await sandbox.confirm(paid, declined)
    synced = await _run(settings, "sync", paid)
    await sandbox.confirm(paid)
    replayed = await _run(settings, "events", "replay", "--since", "12h")
    assert (synced[0], replayed[0]) == (0, 0), synced[1] + replayed[1]
    assert f"cart c1: {paid} is requires_payment_method" in synced[1]
    assert "1 attempts and 0 disputes were missing" in synced[1]
    assert "6 events read" in replayed[1]
    assert (await api.get(CART)).json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("events", "replay", "--since", "31d"), "last 30 days"),
        (("events", "replay", "--since", "soon"), "must be like"),
        (("sync", "ch_1"), "pi_"),
        (("sync", "pi_none"), "Stripe knows no pi_none"),
    ],
    ids=["longer ago than Stripe keeps", "no time", "a Charge", "unknown to Stripe"],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("app.observability.logging.configure_logging", lambda **_: None)
    answer = CliRunner().invoke(app, words, env=environment(settings))
    assert answer.exit_code != 0
    assert said in answer.output
    assert "Traceback" not in answer.output

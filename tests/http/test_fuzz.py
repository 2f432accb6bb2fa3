"""schemathesis, with all its checks and stateful links, against the running service with real credentials.

`make fuzz` runs it for longer.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from sandbox.client import SandboxClient
from tests.auth.credentials import SCOPES
from tests.conftest import NewKey
from tests.processes import api_process

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let somebody fail all day, as schemathesis does on purpose."""
    return settings.model_copy(update={"failed_authentications_per_minute": 100_000})


@pytest.mark.parametrize("examples", [1, pytest.param(400, marks=pytest.mark.slow)])
async def test_no_answer_breaks_the_documents_promises(
    settings: Settings, sandbox: SandboxClient, new_key: NewKey, examples: int, tmp_path: Path
) -> None:
    await sandbox.pause_webhooks()
    key = await new_key(*SCOPES)
    async with api_process(settings) as (_, url):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run", f"{url}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}"),
            *("--max-examples", str(examples), "--seed", "1"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()

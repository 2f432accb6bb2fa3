"""docs/sandbox.md says what is so."""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.cards import TEST_METHODS
from sandbox.cards import TestMethod as Method
from sandbox.config import SandboxConfig, Unconfirmed
from tests.sandbox.conftest import Start

DOCUMENT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
EXAMPLES = re.findall(r"```sh runnable\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl is installed")
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_work_when_pasted(start: Start, example: str) -> None:
    script = example.replace("http://127.0.0.1:12111", start(SandboxConfig())).replace("curl ", "curl --fail ")
    result = subprocess.run(  # noqa: S603  our own document
        ["/bin/bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 0, result.stderr
    assert '"error"' not in result.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 7


@pytest.mark.parametrize("method", TEST_METHODS, ids=lambda method: method.number)
def test_every_test_method_is_in_the_table(method: Method) -> None:
    (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| {method.number} |")]
    decline = method.decline
    if decline is not None and method.type == "card":
        assert any(code in row for code in (decline.decline_code, decline.code) if code is not None)
    assert ("3DS" in row) == (method.is_challenged or method.lookup_fails)


@pytest.mark.parametrize("kind", [SandboxConfig, Unconfirmed])
def test_every_setting_is_in_the_tables(kind: type[SandboxConfig | Unconfirmed]) -> None:
    elsewhere = {"secret_key", "publishable_key", "webhook_url", "webhook_secret", "state", "unconfirmed"}
    names = {field.name for field in dataclasses.fields(kind)} - elsewhere
    assert [name for name in sorted(names) if f"| `{name}` |" not in DOCUMENT] == []

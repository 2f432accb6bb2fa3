"""The commands on the pages work when they are pasted, with `make run` going."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import read, section
from tests.stack import ROOT, Stack, stack_of

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl is installed")
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="no jq is installed")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    return stack_of(request)


def _paste(stack: Stack, folder: Path, page: str, heading: str) -> list[str]:
    """Run the example below a heading where `.data` is the stack's; return the lines that it prints."""
    (folder / ".data").symlink_to(stack.logs.parent)
    example = re.search(r"```sh\n(.*?)```", section(read(page), heading), re.DOTALL)
    assert example
    script = example[1].replace("http://127.0.0.1:8000", stack.api_url)
    script = script.replace("http://127.0.0.1:12111", stack.sandbox_url)
    command = ["/bin/bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_curl
def test_the_readme_by_hand(stack: Stack, tmp_path: Path) -> None:
    first, second, declined, paid, *state = _paste(stack, tmp_path, "README.md", "## By hand")
    assert first == second  # one PaymentIntent
    assert [declined, paid] == ['"status":"requires_payment_method"', '"status":"succeeded"']
    assert '    "amount_received": 2499,' in state


@needs_curl
@needs_jq
def test_refunds_try_it(stack: Stack, tmp_path: Path) -> None:
    lines = _paste(stack, tmp_path, "docs/refunds.md", "## Try it")
    assert lines[:2] == ["succeeded", "succeeded"]
    assert lines[2:4] == lines[4:6]  # one refund
    assert lines[6:9] == ["idempotency_key_reused", "refund_exceeds_payment", "[null,7000]"]
    assert lines[-2:] == ['"succeeded"', "[10000,0]"]


COMMANDS = (
    "doctor",
    "keys list",
    "sweep --dry-run",
    "sweep",
    "events replay --since 1h",
    "sync pi_nope || test $? = 1",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_operate_work_in_a_shell_that_has_read_the_settings(
    stack: Stack, tmp_path: Path, command: str
) -> None:
    folder = stack.logs.parent
    script = f"set -a; . {folder}/dev.env; set +a; {sys.executable} -m app {command}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - our own command
        ["/bin/bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr

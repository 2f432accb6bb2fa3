"""TLS in front of a real PostgreSQL, with certificates made for the test: the right authority, and another."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.db import migrations
from app.db.engine import open_database
from app.db.errors import DatabaseUnavailable
from app.settings import DatabaseSettings
from tests.faults.proxy import TlsProxy, opened, place_of

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
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return the certificates of the server's authority, of one that it has nothing from, and the server's."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = make_authority(folder, "ours"), make_authority(folder, "other")
    return ours, other, make_certificate(folder, ours, host="localhost")


@pytest.fixture
async def tls(authorities: tuple[Path, Path, Path], database_url: str) -> AsyncIterator[TlsProxy]:
    """Speak TLS for PostgreSQL: the embedded one is built without."""
    certificate = authorities[2]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    async with opened(TlsProxy(*place_of(database_url), context)) as proxy:
        yield proxy


async def is_encrypted(url: str, tls: TlsProxy) -> bool:
    async with open_database(DatabaseSettings.model_validate({"database_url": url})) as database:
        assert await database.fetchval("SELECT 1") == 1
    return tls.encrypted > 0


def address(tls: TlsProxy, database_url: str, host: str, parameters: str) -> str:
    return f"{tls.url(database_url).replace('127.0.0.1', host)}?{parameters}"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [("sslmode=disable", False), ("sslmode=require", True), ("sslmode=prefer", True), ("", True)],
    ids=["disable", "require", "prefer", "nothing said"],
)
async def test_tls_is_spoken_as_the_address_asks(
    parameters: str, expected: bool, tls: TlsProxy, database_url: str, authorities: tuple[Path, Path, Path]
) -> None:
    assert await is_encrypted(address(tls, database_url, "127.0.0.1", parameters), tls) is expected


async def test_the_right_authority_and_name_are_accepted(
    tls: TlsProxy, database_url: str, authorities: tuple[Path, Path, Path]
) -> None:
    ours = authorities[0]
    assert await is_encrypted(address(tls, database_url, "localhost", f"sslmode=verify-full&sslrootcert={ours}"), tls)
    assert await is_encrypted(address(tls, database_url, "127.0.0.1", f"sslmode=verify-ca&sslrootcert={ours}"), tls)


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
    host: str, mode: str, authority: str, tls: TlsProxy, database_url: str, authorities: tuple[Path, Path, Path]
) -> None:
    parameters = mode.format(ours=authorities[0], other=authorities[1])
    with pytest.raises(DatabaseUnavailable) as refused:
        await is_encrypted(address(tls, database_url, host, parameters), tls)
    assert "certificate verify failed" in str(refused.value.__cause__)


async def test_the_migrations_way_speaks_tls_too(
    tls: TlsProxy, database_url: str, authorities: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other, _ = authorities
    monkeypatch.setenv(
        "DATABASE_URL", address(tls, database_url, "localhost", f"sslmode=verify-full&sslrootcert={other}")
    )
    with pytest.raises(DatabaseUnavailable):
        await asyncio.to_thread(migrations.upgrade)
    monkeypatch.setenv(
        "DATABASE_URL", address(tls, database_url, "localhost", f"sslmode=verify-full&sslrootcert={ours}")
    )
    await asyncio.to_thread(migrations.upgrade)
    assert tls.encrypted == 1

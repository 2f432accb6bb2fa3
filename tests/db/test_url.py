"""Addresses of databases as hosting services give them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.db.url import DatabaseUrl
from app.settings import DatabaseSettings

LOGIN = "postgresql://shop:s3cr3t@"


def test_an_address_names_all_that_a_connection_needs() -> None:
    url = DatabaseUrl.parse(
        f"{LOGIN}db.example:6432/payments?sslmode=require&application_name=shop&connect_timeout=7"
        "&options=-c%20search_path%3Dpay&keepalives_idle=4&tcp_user_timeout=9000&channel_binding=prefer"
    )
    assert url.hosts == (("db.example", 6432),)
    assert (url.user, url.password, url.database) == ("shop", "s3cr3t", "payments")
    assert url.tls == "postgresql:///?sslmode=require"
    assert url.server_settings == {"application_name": "shop", "options": "-c search_path=pay"}
    assert url.socket_options == {"keepalives_idle": 4, "tcp_user_timeout": 9000}
    assert url.connect_seconds == 7


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("postgresql://db", (("db", 5432),)),
        ("postgres://a:1,b:2/x", (("a", 1), ("b", 2))),
        ("postgres://a,b/x?target_session_attrs=read-write", (("a", 5432), ("b", 5432))),
        ("postgres:///x?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgres:///x?host=a,b&port=7", (("a", 7), ("b", 7))),
        ("postgres:///x?host=/run/postgresql", (("/run/postgresql", 5432),)),
        ("postgres://%2Frun%2Fpostgresql/x", (("/run/postgresql", 5432),)),
        ("postgres://[::1]:7/x", (("::1", 7),)),
        ("postgresql+asyncpg://[fe80::1]/x", (("fe80::1", 5432),)),
        ("postgresql:///x", ()),
    ],
)
def test_hosts_are_read_as_libpq_reads_them(text: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert DatabaseUrl.parse(text).hosts == hosts


def test_what_is_escaped_in_an_address_is_meant_as_it_was() -> None:
    url = DatabaseUrl.parse("postgresql://a%40b:p%2F%3A%40%25@h/d%20b")
    assert (url.user, url.password, url.database) == ("a@b", "p/:@%", "d b")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mysql://h/x", "must be a postgresql:// URL"),
        ("h/x", "must be a postgresql:// URL"),
        (f"{LOGIN}h/x?channel_binding=require", "no channel binding"),
        (f"{LOGIN}h/x?target_session_attrs=standby", "the service writes"),
        (f"{LOGIN}h/x?target_session_attrs=prefer-standby", "the service writes"),
        (f"{LOGIN}h/x?gssencmode=require", "gssencmode can't be as it asks"),
        (f"{LOGIN}h/x?client_encoding=latin1", "client_encoding can't be as it asks"),
        (f"{LOGIN}h/x?ssl=true", "write sslmode=require"),
        (f"{LOGIN}h/x?pgbouncer=true", "has the parameter pgbouncer"),
        (f"{LOGIN}h/x?sslmode=on", "sslmode must be one of"),
        (f"{LOGIN}h/x?sslmode=verify-ca", "needs sslrootcert"),
        (f"{LOGIN}h/x?sslmode=require&sslrootcert=system", "goes with sslmode=verify-full"),
        (f"{LOGIN}h/x?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem", r"sslrootcert: .* can't be read"),
        (f"{LOGIN}h/x?connect_timeout=0", "connect_timeout must be at least 1"),
        (f"{LOGIN}h/x?connect_timeout=soon", "connect_timeout must be a whole number"),
        (f"{LOGIN}h:port/x", "names a port that is no number"),
        (f"{LOGIN}h:70000/x", "names a port that is no number"),
        (f"{LOGIN}a,b,c/x?port=1,2", "names 3 hosts and 2 ports"),
        (f"{LOGIN}a,,b/x", "names an empty host"),
        ("postgresql://a:s3cr3t@b@h/x", "write %40"),
        ("postgresql://a:s3cr3t#1@h/x", "write %23"),
    ],
)
def test_what_cannot_be_done_is_refused_without_a_secret(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        DatabaseUrl.parse(text)
    assert "s3cr3t" not in str(refused.value)
    for name in ("database_url", "database_direct_url"):
        values = {"database_url": "postgresql://h/x", name: text}
        with pytest.raises(ValidationError, match=reason):
            DatabaseSettings.model_validate(values)


def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ValueError, match="holds no certificate"):
        DatabaseUrl.parse(f"{LOGIN}h/x?sslmode=verify-ca&sslrootcert={tmp_path}/ca.pem")


@pytest.mark.parametrize("parameters", ["sslmode=verify-full&sslrootcert=system", "sslmode=verify-full"])
def test_the_certificates_of_the_machine_can_be_meant(parameters: str) -> None:
    url = DatabaseUrl.parse(f"{LOGIN}h/x?{parameters}")
    arguments = url.tls_arguments()
    assert "sslrootcert" not in arguments["dsn"]
    assert arguments["ssl"].check_hostname


def test_no_password_of_an_address_is_ever_written() -> None:
    settings = DatabaseSettings.model_validate(
        {"database_url": "postgresql://a:one%20secret@h/x", "database_direct_url": "postgresql://a@h/x?password=two"}
    )
    assert {"one secret", "one%20secret", "two"} <= set(settings.database_secrets)

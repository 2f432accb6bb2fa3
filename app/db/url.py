"""Read a database's address as hosting services give it, once for everybody who connects.

The parameters are libpq's (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS). What can't
be done as it asks is refused, in words that hold nothing of the address but the names of its parameters.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
DEFAULT_PORT = 5432
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# asyncpg reads these by itself, as libpq does.
TLS = frozenset(
    (
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    )
)
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
SYSTEM = "system"  # as sslrootcert: the certificates that this machine trusts

# Passed to the server unchanged.
SERVER_SETTINGS = frozenset({"application_name", "options"})

SOCKET_OPTIONS = frozenset(
    {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
)

# What is done anyway, by the values that ask for no more than that.
DONE_ANYWAY: Mapping[str, frozenset[str]] = {
    "channel_binding": frozenset({"prefer", "disable"}),
    "gssencmode": frozenset({"prefer", "disable"}),
    "sslcompression": frozenset({"0"}),
    "sslsni": frozenset({"1"}),
    "client_encoding": frozenset({"utf8", "UTF8", "utf-8", "UTF-8", "auto"}),
    "load_balance_hosts": frozenset({"disable"}),
    # A server that takes no writes is never used.
    "target_session_attrs": frozenset({"any", "primary", "read-write"}),
}
WHY_NOT = {
    "channel_binding": "the driver has no channel binding; remove it, and set sslmode=verify-full with sslrootcert",
    "target_session_attrs": "the service writes; use read-write, or remove it",
}


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where a database is, and how a connection to it is made.

    No host means what libpq's environment and defaults say. `tls` is an address that holds only the parameters that
    asyncpg reads for TLS; with `trusts_system` a server's certificate is one that this machine trusts.
    """

    hosts: tuple[tuple[str, int], ...]
    user: str | None
    password: str | None
    database: str | None
    tls: str
    trusts_system: bool
    server_settings: Mapping[str, str]
    socket_options: Mapping[str, int]
    connect_seconds: float | None

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        """Read an address. Raises ValueError, which names what can't be done."""
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in SCHEMES:
            raise ValueError("must be a postgresql:// URL")
        parts = urlsplit(f"postgresql://{rest}")
        if parts.fragment:
            raise ValueError("has a # outside of its parameters; write %23")
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        login, _, places = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        if "@" in login:
            raise ValueError("has an @ in its user or password; write %40")
        hosts = parameters.pop("host", places)
        address = cls(
            hosts=_hosts(hosts, parameters.pop("port", "")),
            user=parameters.pop("user", unquote(user)) or None,
            password=parameters.pop("password", unquote(password)) or None,
            database=parameters.pop("dbname", unquote(parts.path.removeprefix("/"))) or None,
            tls=_tls(parameters),
            trusts_system=_trusts_system(parameters),
            server_settings=_server_settings(parameters),
            socket_options=_numbers(parameters, SOCKET_OPTIONS),
            connect_seconds=_connect_seconds(parameters),
        )
        _refuse_others(parameters)
        return address

    def tls_arguments(self) -> dict[str, Any]:
        """Return what `asyncpg.connect` is given about TLS."""
        if not self.trusts_system:
            return {"dsn": self.tls}
        context = ssl.create_default_context()
        context.set_alpn_protocols(["postgresql"])
        return {"dsn": self.tls, "ssl": context}


def _hosts(places: str, ports: str) -> tuple[tuple[str, int], ...]:
    if not places:
        if ports:
            raise ValueError("has a port without a host")
        return ()
    names = places.split(",")
    found = [_host(name) for name in names]
    given = ports.split(",") if ports else [""]
    if len(given) not in {1, len(names)}:
        raise ValueError(f"names {len(names)} hosts and {len(given)} ports")
    if len(given) == 1:
        given *= len(names)
    return tuple((name, _port(own or port)) for (name, own), port in zip(found, given, strict=True))


def _host(text: str) -> tuple[str, str]:
    """Return a host and its port, if it names one."""
    name, _, port = text.partition(":")
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    if not name:
        raise ValueError("names an empty host")
    return unquote(name), port


def _port(text: str) -> int:
    if not text:
        return DEFAULT_PORT
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise ValueError("names a port that is no number from 1 to 65535")
    return int(text)


def _tls(parameters: Mapping[str, str]) -> str:
    given = {name: value for name, value in parameters.items() if name in TLS}
    mode = given.get("sslmode")
    if mode is not None and mode not in SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}")
    if given.get("sslrootcert") == SYSTEM:
        if mode not in {None, "verify-full"}:
            raise ValueError("sslrootcert=system goes with sslmode=verify-full")
        del given["sslrootcert"]
    for name in FILES:
        if name in given:
            _check_file(name, given[name])
    if mode == "verify-ca" and "sslrootcert" not in parameters and not _has_default_certificate():
        raise ValueError("sslmode=verify-ca needs sslrootcert: a file with the authority's certificate")
    return f"postgresql:///?{urlencode(given, quote_via=quote)}" if given else "postgresql://"


def _trusts_system(parameters: Mapping[str, str]) -> bool:
    """Whether the machine's authorities are meant: also with `verify-full` alone, where libpq would only fail."""
    certificate = parameters.get("sslrootcert")
    if certificate is None:
        return parameters.get("sslmode") == "verify-full" and not _has_default_certificate()
    return certificate == SYSTEM


def _has_default_certificate() -> bool:
    """Whether there is one where libpq looks for it."""
    return "PGSSLROOTCERT" in os.environ or (Path.home() / ".postgresql" / "root.crt").exists()


def _check_file(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
        if name == "sslrootcert":
            ssl.create_default_context(cafile=path)
    except OSError as error:  # an SSLError is one
        what = "holds no certificate" if isinstance(error, ssl.SSLError) else f"can't be read ({error.strerror})"
        raise ValueError(f"{name}: the file {path} {what}") from None


def _server_settings(parameters: Mapping[str, str]) -> dict[str, str]:
    settings = {name: value for name, value in parameters.items() if name in SERVER_SETTINGS and value}
    if fallback := parameters.get("fallback_application_name"):
        settings.setdefault("application_name", fallback)
    return settings


def _numbers(parameters: Mapping[str, str], names: frozenset[str]) -> dict[str, int]:
    numbers = {}
    for name in names & parameters.keys():
        if not parameters[name].isdecimal():
            raise ValueError(f"{name} must be a whole number")
        numbers[name] = int(parameters[name])
    return numbers


def _connect_seconds(parameters: Mapping[str, str]) -> float | None:
    seconds = _numbers(parameters, frozenset({"connect_timeout"})).get("connect_timeout")
    if seconds == 0:
        raise ValueError("connect_timeout must be at least 1: no wait is without an end")
    return seconds


def _refuse_others(parameters: Mapping[str, str]) -> None:
    known = TLS | SERVER_SETTINGS | SOCKET_OPTIONS | {"fallback_application_name", "connect_timeout"}
    for name, value in parameters.items():
        if name in known:
            continue
        is_done: Callable[[str], bool] = DONE_ANYWAY.get(name, frozenset()).__contains__
        if is_done(value):
            continue
        if name in DONE_ANYWAY:
            reason = WHY_NOT.get(name, f"only {', '.join(sorted(DONE_ANYWAY[name]))} can be done")
            raise ValueError(f"{name} can't be as it asks: {reason}")
        hint = "; for TLS write sslmode=require" if name in {"ssl", "requiressl"} else ""
        raise ValueError(f"has the parameter {name}, which the service does not know; remove it{hint}")

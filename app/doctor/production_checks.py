"""Settings that must not meet real money: production does not start with them, and the doctor names them."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from app.settings import DatabaseSettings, Settings

# A random hexadecimal string of 32 characters has about 14 different ones; words and repetitions have fewer.
MIN_DIFFERENT = 10

STRIPE_KEY = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9_]{16,}")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_]{16,}")
WORD = re.compile(r"[A-Z]?[a-z]{4,}|[A-Z]{5,}")
PLACEHOLDER = re.compile(r"changeme|example|password|placeholder|secret_?key|xxxx", re.IGNORECASE)

# More than the largest delivery networks have; 10.0.0.0/8 and the like are private, and not counted.
MAX_PUBLIC_PROXIES = 2**24
MIN_IPV6_PREFIX = 24

ENCRYPTED_MODES = frozenset({"require", "verify-ca", "verify-full", "true"})
GUESSED_PASSWORDS = frozenset({"postgres", "postgresql", "password", "admin", "root", "secret", "payments", "changeme"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to do about it; each one line."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


def read_settings(*, host: str | None = None) -> tuple[Settings | None, list[Finding]]:
    """Return the settings from the environment, unless they can't be read, and all that is wrong with them."""
    try:
        settings = Settings()
    except ValidationError as error:
        return None, explain(error)
    return settings, find_unsafe(settings, host=host)


def check_database_settings() -> list[Finding]:
    """Return what is wrong with the settings that a migration needs."""
    try:
        DatabaseSettings()
    except ValidationError as error:
        return explain(error)
    return []


def explain(error: ValidationError) -> list[Finding]:
    """Say of each setting that can't be read what is wrong with it."""
    return [_explain(str(each["loc"][0]).upper() if each["loc"] else "", each) for each in error.errors()]


def _explain(name: str, error: ErrorDetails) -> Finding:
    if error["type"] == "missing":
        return Finding(f"{name} is missing.", "Set it in the environment or in .env.")
    message = error["msg"].removeprefix("Value error, ")
    return Finding(f"{name}: {message}.".removeprefix(": "), "Correct it in the environment or in .env.")


def find_unsafe(settings: Settings, *, host: str | None = None) -> list[Finding]:
    """Name every setting that is unsafe; `host` is the address to listen on, where there is one."""
    findings = [*_about_mode(settings)]
    if settings.environment == "production":
        findings += [*_about_secrets(settings), *_about_openness(settings), *_about_database(settings)]
        findings += _about_console(settings)
    elif host is not None and not _is_loopback(host):
        findings.append(
            Finding(
                f"ENVIRONMENT=development would be reachable from other machines at {host}.",
                "Listen on 127.0.0.1, or set ENVIRONMENT=production.",
            )
        )
    return findings


def _about_mode(settings: Settings) -> list[Finding]:
    """Compare the key's mode with the one that is meant."""
    match = re.match(r"(?:sk|rk)_(live|test)_", settings.stripe_secret_key.get_secret_value())
    mode = match.group(1) if match else None
    if settings.environment == "development" and "live" in (mode, settings.mode):
        problem, remedy = "A live key moves real money, and this is development mode.", "Use a test key."
    elif mode not in (None, settings.mode):
        problem = f"STRIPE_SECRET_KEY is a {mode} key, but Stripe's {settings.mode} mode is meant."
        remedy = f"Use a {settings.mode} key, or set STRIPE_MODE={mode}."
    else:
        return []
    return [Finding(problem, remedy)]


def _about_secrets(settings: Settings) -> list[Finding]:
    findings = []
    if _is_weak(settings.stripe_secret_key, STRIPE_KEY):
        findings.append(
            Finding("STRIPE_SECRET_KEY is not a whole key of Stripe's.", "Copy it from Stripe's Dashboard, API keys.")
        )
    if any(_is_weak(secret, WEBHOOK_SECRET) for secret in settings.stripe_webhook_secret):
        findings.append(
            Finding(
                "STRIPE_WEBHOOK_SECRET is not a whole signing secret of Stripe's.",
                "Copy it from the webhook endpoint's page in Stripe's Dashboard.",
            )
        )
    if problem := _wrong_token_keys(settings):
        findings.append(Finding(problem, "Set it to what `openssl rand -hex 32` prints."))
    return findings


def _wrong_token_keys(settings: Settings) -> str | None:
    if "checkout_token_keys" not in settings.model_fields_set:
        return "CHECKOUT_TOKEN_KEYS is missing."
    keys = [key.get_secret_value() for key in settings.checkout_token_keys]
    others = {each.get_secret_value() for each in (settings.stripe_secret_key, *settings.stripe_webhook_secret)}
    if any(_is_weak(key) or _is_words(key.get_secret_value()) for key in settings.checkout_token_keys):
        return "CHECKOUT_TOKEN_KEYS has a weak key: it must be random."
    if len(set(keys)) < len(keys):
        return "CHECKOUT_TOKEN_KEYS has the same key twice."
    if others.intersection(keys):
        return "CHECKOUT_TOKEN_KEYS has a secret of Stripe's, which would sign what browsers hold."
    return None


def _is_weak(secret: SecretStr, shape: re.Pattern[str] | None = None) -> bool:
    text = secret.get_secret_value()
    if shape is not None and shape.fullmatch(text) is None:
        return True
    return len(set(text)) < MIN_DIFFERENT or PLACEHOLDER.search(text) is not None or _is_repetition(text)


def _is_repetition(text: str) -> bool:
    """Whether it is one shorter text, several times."""
    return 0 <= (text + text).find(text, 1) < len(text)


def _is_words(text: str) -> bool:
    """Whether most of it is letters in a row as words have them; random text has few such rows."""
    return sum(len(word) for word in WORD.findall(text)) > len(text) * 2 / 3


def _about_openness(settings: Settings) -> list[Finding]:
    findings = []
    if settings.stripe_api_base is not None:
        findings.append(
            Finding("STRIPE_API_BASE sends payments to a stand-in instead of Stripe.", "Unset it in production.")
        )
    if "*" in settings.cors_origins:
        findings.append(
            Finding("CORS_ORIGINS=* lets any website read payments.", "Name the origins of the shop's pages.")
        )
    if any(origin.startswith("http:") for origin in settings.cors_origins):
        findings.append(
            Finding("CORS_ORIGINS names a page without TLS, where a token can be read.", "Name only https:// origins.")
        )
    if _covers_the_internet(settings.trusted_proxies):
        findings.append(
            Finding(
                "TRUSTED_PROXIES covers so much of the internet that strangers choose their address.",
                "Name the networks of your proxies alone.",
            )
        )
    return findings


def _about_console(settings: Settings) -> list[Finding]:
    """Look at how people sign in, if the console is served."""
    if not settings.has_console:
        return []
    findings = []
    needed = ("console_url", "console_issuer", "console_client_id", "console_client_secret")
    if missing := [name.upper() for name in needed if getattr(settings, name) is None]:
        findings.append(
            Finding(f"SERVE_CONSOLE needs {', '.join(missing)}.", "Set each, or SERVE_CONSOLE=false without a console.")
        )
    if any(url is not None and url.startswith("http:") for url in (settings.console_url, settings.console_issuer)):
        findings.append(
            Finding("CONSOLE_URL or CONSOLE_ISSUER is without TLS.", "Anybody could sign in: use https:// addresses.")
        )
    if not (settings.console_support_groups or settings.console_refunder_groups or settings.console_operator_groups):
        findings.append(
            Finding("No group has a role in the console.", "Name some in CONSOLE_SUPPORT_GROUPS and the like.")
        )
    return findings


def _covers_the_internet(networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether more public addresses are trusted than any network of proxies has."""
    public = [network for network in networks if not network.is_private]
    v4 = ipaddress.collapse_addresses(network for network in public if isinstance(network, IPv4Network))
    v6 = [network.prefixlen for network in public if isinstance(network, IPv6Network)]
    return sum(network.num_addresses for network in v4) > MAX_PUBLIC_PROXIES or min(v6, default=128) < MIN_IPV6_PREFIX


def _about_database(settings: Settings) -> list[Finding]:
    """Look at how the database is reached; `ALLOW_PLAIN_DATABASE` says that the network keeps others out."""
    if settings.allow_plain_database:
        return []
    url = urlsplit(settings.database_url.get_secret_value())
    password = unquote(url.password or "")
    findings = []
    if not _is_encrypted(url):
        findings.append(
            Finding(
                "DATABASE_URL reaches another host without TLS.",
                "Add ?sslmode=verify-full, or set ALLOW_PLAIN_DATABASE=true if nobody else is on that network.",
            )
        )
    if password and (password == url.username or password.lower() in GUESSED_PASSWORDS):
        findings.append(
            Finding(
                "DATABASE_URL has a password that anybody guesses.",
                "Set another, or ALLOW_PLAIN_DATABASE=true if nobody else reaches that server.",
            )
        )
    return findings


def _is_encrypted(url: SplitResult) -> bool:
    query = parse_qs(url.query)
    hosts = [each.rsplit(":", 1)[0] for each in url.netloc.rpartition("@")[2].split(",") if each]
    hosts += [host for hosts in query.get("host", []) for host in hosts.split(",")]
    is_here = all(host.startswith("/") or _is_loopback(host.strip("[]")) for host in hosts)
    modes = query.get("sslmode", []) + query.get("ssl", [])
    return is_here or (bool(modes) and set(modes) <= ENCRYPTED_MODES)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Settings that must not meet real money: production does not start with them, and the doctor names them."""

import ipaddress
import re
from dataclasses import dataclass

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from app.settings import DatabaseSettings, Settings

# A random hexadecimal string of 32 characters has about 14 different ones; words and repetitions have fewer.
MIN_DIFFERENT = 10

STRIPE_KEY = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9_]{16,}")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_]{16,}")
PLACEHOLDER = re.compile(r"changeme|example|password|placeholder|secret_?key|xxxx", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to do about it; each one line."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


def read_settings(*, host: str | None = None) -> tuple[Settings | None, list[Finding]]:
    """Read the settings from the environment; give them, unless they can't be read, with all that is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        return None, [_explain(str(each["loc"][0]).upper() if each["loc"] else "", each) for each in error.errors()]
    return settings, find_unsafe(settings, host=host)


def check_database_settings() -> list[Finding]:
    """Return what is wrong with the settings that a migration needs."""
    try:
        DatabaseSettings()
    except ValidationError as error:
        return [_explain(str(each["loc"][0]).upper(), each) for each in error.errors()]
    return []


def _explain(name: str, error: ErrorDetails) -> Finding:
    if error["type"] == "missing":
        return Finding(f"{name} is missing.", "Set it in the environment or in .env.")
    message = error["msg"].removeprefix("Value error, ")
    return Finding(f"{name}: {message}.".removeprefix(": "), "Correct it in the environment or in .env.")


def find_unsafe(settings: Settings, *, host: str | None = None) -> list[Finding]:
    """Name every setting that is unsafe; `host` is the address to listen on, where there is one."""
    findings = [*_about_mode(settings)]
    if settings.environment == "production":
        findings += [*_about_secrets(settings), *_about_openness(settings)]
    elif host is not None and not _is_loopback(host):
        findings.append(
            Finding(
                f"ENVIRONMENT=development would be reachable from other machines at {host}.",
                "Listen on 127.0.0.1, or set ENVIRONMENT=production.",
            )
        )
    return findings


def _about_mode(settings: Settings) -> list[Finding]:
    """Hold the key's mode against the one that is meant."""
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
    if "checkout_token_keys" not in settings.model_fields_set:
        problem = "CHECKOUT_TOKEN_KEYS is missing."
    elif any(_is_weak(key) for key in settings.checkout_token_keys):
        problem = "CHECKOUT_TOKEN_KEYS has a weak key."
    else:
        return findings
    return [*findings, Finding(problem, "Set it to what `openssl rand -hex 32` prints.")]


def _is_weak(secret: SecretStr, shape: re.Pattern[str] | None = None) -> bool:
    text = secret.get_secret_value()
    if shape is not None and shape.fullmatch(text) is None:
        return True
    return len(set(text)) < MIN_DIFFERENT or PLACEHOLDER.search(text) is not None


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
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        findings.append(
            Finding("TRUSTED_PROXIES believes everybody's X-Forwarded-For.", "Name the networks of your proxies.")
        )
    return findings


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

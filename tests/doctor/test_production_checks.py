"""Production does not start with unsafe settings, and says in one line each what to do."""

import asyncio
import base64
import os
import secrets
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.doctor.production_checks import find_unsafe, read_settings
from app.settings import Settings

RANDOM = "7Qm2ZtX9Lr4Vb8Kc1Ns6Wd3Gf5Hj0PyE"
SAFE: dict[str, Any] = {
    "environment": "production",
    "instance": "live",
    "database_url": f"postgresql://payments:{RANDOM}@db/payments?sslmode=verify-full",
    "stripe_secret_key": f"sk_live_{RANDOM}",
    "stripe_webhook_secret": f"whsec_{RANDOM}",
    "checkout_token_keys": RANDOM,
    "cors_origins": "https://shop.example",
}
CONSOLE: dict[str, Any] = {
    "serve_console": True,
    "console_url": "https://payments.example",
    "console_issuer": "https://id.example",
    "console_client_id": "payments-console",
    "console_client_secret": RANDOM,
    "console_operator_groups": "ops",
}
DEVELOPMENT = {
    "environment": "development",
    "stripe_secret_key": "sk_test_service",
    "stripe_webhook_secret": "whsec_service",
    "stripe_api_base": "http://127.0.0.1:12111",
    "cors_origins": "http://127.0.0.1:8080",
}


def _findings(changes: dict[str, Any], host: str | None = None) -> list[str]:
    values = {name: value for name, value in (SAFE | changes).items() if value is not None}
    return [str(finding) for finding in find_unsafe(Settings.model_validate(values), host=host)]


UNSAFE: dict[str, tuple[dict[str, Any], str]] = {
    "a test key in live mode": ({"stripe_secret_key": f"sk_test_{RANDOM}"}, "STRIPE_SECRET_KEY is a test key"),
    "a live key in test mode": ({"stripe_mode": "test"}, "STRIPE_SECRET_KEY is a live key"),
    "no key": ({"stripe_secret_key": ""}, "STRIPE_SECRET_KEY is not a whole key"),
    "a publishable key": ({"stripe_secret_key": f"pk_live_{RANDOM}"}, "STRIPE_SECRET_KEY is not a whole key"),
    "half a key": ({"stripe_secret_key": "sk_live_abc"}, "STRIPE_SECRET_KEY is not a whole key"),
    "a placeholder": ({"stripe_webhook_secret": "whsec_changeme12345678"}, "STRIPE_WEBHOOK_SECRET"),
    "a weak webhook secret": ({"stripe_webhook_secret": "whsec_aaaaaaaaaaaaaaaaaaaaaaaa"}, "STRIPE_WEBHOOK_SECRET"),
    "one weak of two": ({"stripe_webhook_secret": f"whsec_{RANDOM},secret"}, "STRIPE_WEBHOOK_SECRET"),
    "no signing key": ({"checkout_token_keys": None}, "CHECKOUT_TOKEN_KEYS is missing"),
    "a weak signing key": ({"checkout_token_keys": "ab" * 20}, "CHECKOUT_TOKEN_KEYS has a weak key"),
    "all origins": ({"cors_origins": "*"}, "CORS_ORIGINS=*"),
    "an origin without TLS": ({"cors_origins": "http://shop.example"}, "without TLS"),
    "a console without a provider": (
        {"serve_console": True, "console_operator_groups": "ops"},
        "SERVE_CONSOLE needs CONSOLE_URL, CONSOLE_ISSUER",
    ),
    "a console without TLS": (
        CONSOLE | {"console_url": "http://payments.example"},
        "CONSOLE_URL or CONSOLE_ISSUER is without TLS",
    ),
    "a provider without TLS": (CONSOLE | {"console_issuer": "http://id.example"}, "is without TLS"),
    "a console for nobody": (CONSOLE | {"console_operator_groups": ""}, "No group has a role"),
    "the sandbox": ({"stripe_api_base": "http://127.0.0.1:12111"}, "STRIPE_API_BASE"),
    "everybody a proxy": ({"trusted_proxies": "0.0.0.0/0"}, "TRUSTED_PROXIES"),
    "everybody a proxy, in halves": ({"trusted_proxies": "0.0.0.0/1,128.0.0.0/1"}, "TRUSTED_PROXIES"),
    "everybody a proxy over IPv6": ({"trusted_proxies": "2000::/3"}, "TRUSTED_PROXIES"),
    "a signing key of words": (
        {"checkout_token_keys": "correct-horse-battery-staple-2026"},
        "CHECKOUT_TOKEN_KEYS has a weak",
    ),
    "a signing key that repeats": ({"checkout_token_keys": "0a1b2c3d4e5f6071" * 2}, "CHECKOUT_TOKEN_KEYS has a weak"),
    "the same signing key twice": ({"checkout_token_keys": f"{RANDOM},{RANDOM}"}, "the same key twice"),
    "Stripe's key signs tokens": ({"checkout_token_keys": f"sk_live_{RANDOM}"}, "a secret of Stripe's"),
    "a database without TLS": ({"database_url": f"postgresql://payments:{RANDOM}@db/payments"}, "without TLS"),
    "a database that may do without TLS": (
        {"database_url": f"postgresql://payments:{RANDOM}@db/payments?sslmode=prefer"},
        "without TLS",
    ),
    "one of two hosts elsewhere": (
        {"database_url": f"postgresql://payments:{RANDOM}@127.0.0.1:5432,db:5432/payments"},
        "without TLS",
    ),
    "a guessed password": (
        {"database_url": "postgresql://postgres:postgres@db/payments?sslmode=require"},
        "a password that anybody guesses",
    ),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_setting_is_found_and_nothing_else(name: str) -> None:
    changes, told = UNSAFE[name]
    [finding] = _findings(changes)
    assert told in finding
    assert RANDOM not in finding


def test_safe_settings_have_no_findings() -> None:
    assert _findings({}, host="0.0.0.0") == []  # noqa: S104 - a container listens there
    assert _findings({"stripe_secret_key": f"rk_test_{RANDOM}", "stripe_mode": "test"}) == []


def test_a_plain_database_is_allowed_where_it_is_said_or_on_this_machine() -> None:
    plain = {"database_url": "postgresql://postgres:postgres@db/payments"}
    assert _findings(plain | {"allow_plain_database": "true"}) == []
    for host in ("localhost", "127.0.0.1:5432", "[::1]:5432"):
        assert _findings({"database_url": f"postgresql://payments:{RANDOM}@{host}/payments"}) == []
    assert _findings({"database_url": f"postgresql://payments:{RANDOM}@/payments?host=/run/postgresql"}) == []


def test_the_networks_of_real_proxies_are_accepted() -> None:
    cloudflare = "104.16.0.0/13,172.64.0.0/13,162.158.0.0/15,2400:cb00::/32"
    assert _findings({"trusted_proxies": f"10.0.0.0/8,fd00::/8,{cloudflare}"}) == []


@pytest.mark.parametrize("_", range(20))
@pytest.mark.parametrize(
    "make", [secrets.token_hex, secrets.token_urlsafe, secrets.token_bytes], ids=lambda m: m.__name__
)
def test_a_random_key_is_never_called_weak(make: Callable[[int], str | bytes], _: int) -> None:
    made = make(32)
    key = base64.b64encode(made).decode() if isinstance(made, bytes) else made
    assert _findings({"checkout_token_keys": key}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("abandoned_after", "-PT1H"),
        ("abandoned_after", "0"),
        ("silent_after", "-1"),
        ("webhook_retention", "-P1D"),
        ("lease_slack", "-1"),
        ("reconcile_grace", "-PT1M"),
        ("keep_alive", "0"),
        ("failed_authentications_per_minute", "1000000000"),
        ("token_requests_per_second", "1000000000"),
        ("max_failed_attempts", "1000000000"),
        ("max_body_bytes", "1000000000"),
        ("max_header_bytes", "1000000000"),
        ("max_json_depth", "1000000000"),
        ("max_connections", "0"),
    ],
)
def test_a_number_that_means_no_limit_or_no_time_is_refused_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for key, given in (SAFE | {name: value}).items():
        monkeypatch.setenv(key.upper(), str(given))
    settings, [finding] = read_settings()
    assert settings is None
    assert str(finding).startswith(f"{name.upper()}: ")


def test_a_time_is_iso_8601_or_seconds() -> None:
    values = {"abandoned_after": "86400", "silent_after": "PT1H", "stripe_timeout": "2.5"}
    settings = Settings.model_validate(SAFE | values)
    assert settings.abandoned_after == timedelta(days=1)
    assert settings.silent_after == timedelta(hours=1)
    assert settings.stripe_timeout == timedelta(seconds=2.5)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "payments.example"])  # noqa: S104 - what is refused
def test_development_mode_listens_on_this_machine_alone(host: str) -> None:
    [finding] = _findings(DEVELOPMENT, host=host)
    assert host in finding
    assert all(_findings(DEVELOPMENT, host=local) == [] for local in ("127.0.0.1", "::1", "localhost"))


def test_development_mode_takes_no_live_key() -> None:
    [finding] = _findings(DEVELOPMENT | {"stripe_secret_key": f"sk_live_{RANDOM}"})
    assert "live key" in finding


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", "https://shop.example/"),
        ("cors_origins", "shop.example"),
        ("trusted_proxies", "proxy"),
        ("checkout_token_keys", "short"),
        ("checkout_token_keys", ""),
        ("stripe_webhook_secret", ""),
    ],
)
def test_a_setting_that_can_mean_nothing_good_is_refused_in_every_mode(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.model_validate(SAFE | DEVELOPMENT | {name: value})


async def _run(command: str, changes: dict[str, str | None]) -> tuple[int | None, str, str]:
    values = {name.upper(): value for name, value in (SAFE | changes).items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", command),
        env={"PATH": os.environ["PATH"]} | values,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("command", ["serve", pytest.param("worker", marks=pytest.mark.slow)])
async def test_start_up_refuses_with_one_line_for_each_fault_and_shows_no_secret(command: str) -> None:
    secret = f"sk_test_{RANDOM}"
    code, _, err = await _run(command, {"stripe_secret_key": secret, "cors_origins": "*", "checkout_token_keys": None})
    lines = err.splitlines()
    assert code == 1
    assert len(lines) == 3
    assert all(line.startswith("Refused to start: ") for line in lines)
    assert RANDOM not in err


@pytest.mark.slow
async def test_a_missing_setting_is_named_without_a_traceback(tmp_path: object) -> None:
    code, _, err = await _run("serve", {"stripe_secret_key": None, "database_url": "mysql://payments:s3cr3t@db/x"})
    assert code == 1
    assert "STRIPE_SECRET_KEY is missing" in err
    assert "DATABASE_URL: must be a postgresql:// URL" in err
    assert "Traceback" not in err
    assert "s3cr3t" not in err

"""Client secrets are kept in memory for minutes, and not without bound."""

from datetime import timedelta

import pytest
from cachetools import TTLCache
from pydantic import ValidationError

from app.settings import Settings
from app.stripe_gateway.client_secrets import MAX_SECRETS, ClientSecrets


def test_secrets_are_forgotten_after_their_time_and_when_there_are_too_many() -> None:
    now = [0.0]
    secrets = ClientSecrets(timedelta(minutes=5))
    secrets._secrets = TTLCache(MAX_SECRETS, 300, timer=lambda: now[0])
    secrets.remember("pi_1", "pi_1_secret_1")
    now[0] = 299.0
    assert secrets.get("pi_1") == "pi_1_secret_1"
    now[0] = 300.0
    assert secrets.get("pi_1") is None
    for number in range(MAX_SECRETS + 1):
        secrets.remember(f"pi_{number}", "secret")
    assert secrets.get("pi_0") is None
    assert len(secrets._secrets) == MAX_SECRETS


def test_no_setting_keeps_a_secret_longer_than_five_minutes(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="client_secret_lifetime"):
        Settings.model_validate(settings.model_dump() | {"client_secret_lifetime": timedelta(minutes=6)})

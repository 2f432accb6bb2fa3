from pathlib import Path

import pytest

from app.dev.configuration import DevOptions, configure
from sandbox.config import from_environment
from sandbox.methods.types import TYPES


def test_what_somebody_chose_stays_chosen_after_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier start wrote it too: only what that one made up is made up again."""
    (tmp_path / ".env").write_text("STRIPE_SECRET_KEY=sk_test_of_mine\n")
    (tmp_path / "dev.env").write_text(
        "STRIPE_SECRET_KEY=sk_test_of_mine\nDATABASE_URL=postgresql://made.up/payments\nDEV_MADE_UP=DATABASE_URL\n"
    )
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_of_mine")
    monkeypatch.setenv("DATABASE_URL", "postgresql://made.up/payments")
    configuration = configure(DevOptions(8000, 8001, 8002, tmp_path), tmp_path / ".env")
    assert configuration.is_real_stripe
    assert configuration.secret_key == "sk_test_of_mine"
    assert configuration.given_database_url is None


@pytest.mark.parametrize(
    ("chosen", "enabled"), [("", set(TYPES)), ('{"enabled_methods": ["card", "ideal"]}', {"card", "ideal"})]
)
def test_the_sandbox_offers_every_type_of_payment_method_unless_it_is_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, enabled: set[str]
) -> None:
    monkeypatch.setenv("SANDBOX_CONFIG", chosen)
    configuration = configure(DevOptions(8000, 8001, 8002, tmp_path), tmp_path / ".env")
    assert set(from_environment(configuration.for_sandbox()).enabled_methods) == enabled

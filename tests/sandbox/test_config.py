import json
from datetime import timedelta

import pytest

from sandbox.config import Lenient, SandboxConfig, from_environment


def test_keys_come_from_the_environment_and_empty_ones_are_absent() -> None:
    config = from_environment({"SANDBOX_SECRET_KEY": "sk_test_x", "SANDBOX_PUBLISHABLE_KEY": ""})
    assert (config.secret_key, config.publishable_key) == ("sk_test_x", None)


def test_the_rest_comes_as_json() -> None:
    rest = {"keep": 100, "settle_delay": 5, "unconfirmed": {"confirmation_limit": 3}}
    config = from_environment({"SANDBOX_CONFIG": json.dumps(rest)})
    assert (config.keep, config.settle_delay, config.unconfirmed.confirmation_limit) == (100, timedelta(seconds=5), 3)


def test_a_sandbox_as_strict_as_stripe_is_a_setting() -> None:
    rest = {"lenient": {"empty_strings": [], "customer_changes": False}}
    config = from_environment({"SANDBOX_CONFIG": json.dumps(rest)})
    assert config.lenient == Lenient(empty_strings=frozenset(), customer_changes=False)


@pytest.mark.parametrize("rest", ['{"kept": 1}', '{"keep": "many"}', "[]", "{", '{"unconfirmed": {"foo": 1}}'])
def test_a_setting_that_does_not_exist_is_refused(rest: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the messages are the parsers'
        from_environment({"SANDBOX_CONFIG": rest})


def test_a_wrong_key_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ValueError, match="only test keys") as e:
        from_environment({"SANDBOX_SECRET_KEY": "sk_live_dangerous"})
    assert "dangerous" not in str(e.value)


def test_a_config_is_frozen() -> None:
    config = SandboxConfig()
    with pytest.raises(AttributeError):
        config.keep = 3  # type: ignore[misc]  # the point of the test

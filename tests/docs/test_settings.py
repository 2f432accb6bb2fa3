"""docs/operate.md has every setting, and its default."""

from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, TypeAdapter
from pydantic.fields import FieldInfo

from app.settings import Settings
from tests.docs.pages import read, rows, section

REQUIRED, RANDOM, UNSET = "required", "random", "unset"


def _variable(name: str, field: FieldInfo) -> str:
    """Return the environment variable that sets a field: its first alias, or its name."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = str(alias.choices[0])
    assert alias is None or isinstance(alias, str)
    return (alias or name).upper()


FIELDS = {_variable(name, field): field for name, field in Settings.model_fields.items()}
TABLE = [
    (variable.strip("`"), default.strip("`"))
    for variable, default, _ in rows(section(read("docs/operate.md"), "## Settings"))
]
DOCUMENTED = dict(TABLE)


def test_every_setting_is_in_the_table_once() -> None:
    assert sorted(variable for variable, _ in TABLE) == sorted(FIELDS)


@pytest.mark.parametrize("variable", FIELDS)
def test_the_table_has_the_default_of_a_setting(variable: str) -> None:
    field, documented = FIELDS[variable], DOCUMENTED.get(variable)
    assert documented is not None
    if field.is_required():
        assert documented == REQUIRED
    elif field.default_factory is not None:
        assert documented == RANDOM
    elif field.default in (None, ()):
        assert documented == UNSET
    else:
        assert _parse(field, documented) == field.default


def _parse(field: FieldInfo, text: str) -> Any:
    """Read a default as the settings read the variable."""
    kind: Any = field.annotation
    for constraint in field.metadata:
        kind = Annotated[kind, constraint]
    return TypeAdapter(kind).validate_python(text)

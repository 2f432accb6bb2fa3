"""docs/architecture.md names functions, tables and terms that exist."""

import importlib
import re
from typing import Any

import pytest

from app.db.metadata import metadata
from tests.docs.pages import PAGES, code, read, rows, section

ARCHITECTURE = read("docs/architecture.md")
NAME = re.compile(r"`(app(?:\.\w+)*:\w+(?:\.\w+)*)`")
NAMES = sorted({name for page in PAGES for name in NAME.findall(page.read_text(encoding="utf-8"))})
PATHS = ["## The path of a PUT", "## The path of a webhook"]


def _look_up(name: str) -> Any:
    module, _, attributes = name.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_function_is_found_by_import(name: str) -> None:
    assert callable(_look_up(name))


@pytest.mark.parametrize("heading", PATHS)
def test_a_path_begins_with_a_limit_and_names_its_route(heading: str) -> None:
    names = NAME.findall(section(ARCHITECTURE, heading))
    assert names[0] == "app.http.middleware:HttpMiddleware"
    assert any(".router:" in name for name in names)


@pytest.mark.parametrize("heading", PATHS)
def test_no_step_of_a_path_is_without_its_name(heading: str) -> None:
    assert re.findall(r"<!-- name: (.*?) -->", section(ARCHITECTURE, heading)) == []


def test_the_list_of_tables_is_complete() -> None:
    listed = [name for first, _ in rows(section(ARCHITECTURE, "## Tables")) for name in code(first)]
    assert sorted(listed) == sorted(metadata.tables)


def test_each_term_is_defined_once_and_in_one_line() -> None:
    terms = [term for term, _ in rows(section(ARCHITECTURE, "## Terms"))]
    assert sorted(terms) == sorted(set(terms))
    assert len(terms) > 10


def test_each_term_of_the_api_is_in_the_openapi_document() -> None:
    """A term in code font is a public name."""
    terms = [name for term, _ in rows(section(ARCHITECTURE, "## Terms")) for name in code(term)]
    document = read("openapi.yaml")
    assert [term for term in terms if re.search(rf"\b{term}\b", document) is None] == []

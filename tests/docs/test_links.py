"""What README.md and docs/ point at exists."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
import yaml
from typer import Typer
from typer.main import get_command

from app.__main__ import app
from tests.docs.pages import PAGES, README, ROOT, code, read, rows, section

LINKS = [
    (page, link)
    for page in PAGES
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    if "://" not in link
]
COMMANDS = [
    (page, command)
    for page in PAGES
    for command in re.findall(r"python -m app ([a-z][^`#|\n]*)", page.read_text(encoding="utf-8"))
]
CODE = re.compile(r"(?:^|, )`([a-z_]+)`(?=, |$)")
SERVICE_PAGES = ["docs/integrate.md", "docs/refunds.md", "docs/operate.md"]


def _ids(pairs: Iterable[tuple[Path, str]]) -> list[str]:
    return [f"{page.name}: {text.strip()}" for page, text in pairs]


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=_ids(LINKS))
def test_a_link_leads_to_a_file_and_a_heading(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    assert not anchor or anchor in _anchors(target)


def test_the_readme_links_to_every_page() -> None:
    linked = {(page.parent / link).resolve() for page, link in LINKS if page == README}
    assert [page.name for page in PAGES if page not in {README, *linked}] == []


def test_the_readme_names_every_folder_and_no_other() -> None:
    table = section(read("README.md"), "## Where things are")
    named = {path for first, *_ in rows(table) for path in code(first)}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    folders = {f"app/{folder.parent.name}/" for folder in (ROOT / "app").glob("*/__init__.py")}
    assert sorted(folders - named) == []


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=_ids(COMMANDS))
def test_a_command_exists_with_its_options(page: Path, command: str) -> None:
    assert _unknown(app, command.split()) == []


def _unknown(cli: Typer, words: list[str]) -> list[str]:
    """Return the words that are neither a command nor an option of the command line."""
    command = get_command(cli)
    while words and words[0] in (commands := getattr(command, "commands", {})):
        command, words = commands[words[0]], words[1:]
    options = {option for param in command.params for option in param.opts}
    missing = [word for word in words if word.startswith("--") and word not in options]
    return [*words[:1], *missing] if getattr(command, "commands", None) else missing


@pytest.mark.parametrize("page", SERVICE_PAGES)
def test_a_code_of_an_error_is_in_the_openapi_document(page: str) -> None:
    text = read(page)
    in_tables = {
        name for first, second, *_ in rows(text) if re.fullmatch(r"\d{3}", first) for name in CODE.findall(second)
    }
    named = in_tables | set(re.findall(r"\b[45]\d\d\s`([a-z_]+)`", text))
    known = set(re.findall(r"^ *code: ([a-z_]+)$", read("openapi.yaml"), re.MULTILINE))
    assert named
    assert sorted(named - known) == []


@cache
def _paths() -> list[str]:
    return list(yaml.safe_load(read("openapi.yaml"))["paths"])


@pytest.mark.parametrize("page", SERVICE_PAGES)
def test_a_path_is_in_the_openapi_document(page: str) -> None:
    paths = [re.sub(r"^/v1/\{kind\}/\{[a-z_]+\}", "…", path) for path in _paths()]
    named = re.findall(r"(?:GET|PUT|POST) (…/[a-z/-]+)", read(page))
    assert [path for path in named if path not in paths] == []

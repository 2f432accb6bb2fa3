"""The page about the API takes its files from here alone, and they are those of the package that is named."""

import hashlib
import json

import httpx
import pytest

from app.http.docs_page import FILES, FOLDER, POLICY
from app.http.security_headers import HEADERS

SOURCE = json.loads((FOLDER / "source.json").read_text(encoding="utf-8"))
OURS = {"page.html", "start.js", "source.json"}


def test_the_packages_files_are_unchanged() -> None:
    here = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}
    assert {name: digest for name, digest in here.items() if name not in OURS} == SOURCE["sha256"]


async def test_the_page_may_load_nothing_from_elsewhere(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert "http" not in POLICY
    assert "unsafe" not in POLICY
    assert "//" not in page.text  # no address of another host
    others = {name: value for name, value in HEADERS.items() if name != "Content-Security-Policy"}
    assert {name: page.headers.get(name) for name in others} == others


@pytest.mark.parametrize("name", FILES)
async def test_each_file_is_served(anonymous: httpx.AsyncClient, name: str) -> None:
    answer = await anonymous.get(f"/docs/{name}")
    assert answer.status_code == 200
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == FILES[name]


@pytest.mark.parametrize("path", ["/docs/source.json", "/docs/..%2fhealth.py", "/docs/"])
async def test_no_other_file_is(anonymous: httpx.AsyncClient, path: str) -> None:
    assert (await anonymous.get(path)).status_code == 404

"""Development's page about the API: Swagger UI, from files of ours, so that it works without the internet.

People paste API keys into it. Its files come unchanged from the npm package that `swagger_ui/source.json` names
(`npm pack swagger-ui-dist`), with their hashes; the browser is told to take nothing from anywhere else, and to send
nothing anywhere else.
"""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.errors import NotFound

FOLDER = Path(__file__).parent / "swagger_ui"
FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}

# Its pictures are in its style sheet, as data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Serve the page at `/docs`, and its files below it."""
    app.add_route("/docs", _page, include_in_schema=False)
    app.add_route("/docs/{name}", _file, include_in_schema=False)


async def _page(_: Request) -> Response:
    return FileResponse(FOLDER / "page.html", headers={"Content-Security-Policy": POLICY})


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        raise NotFound
    return FileResponse(FOLDER / name, media_type=FILES[name])

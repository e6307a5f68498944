"""The built web pages."""

import secrets
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from api.access import ANYONE
from api.headers import write_policy
from api.problems import Problem

router = APIRouter(include_in_schema=False, dependencies=[Depends(ANYONE)])

PAGES = Path(__file__).parents[2] / "web" / "dist"
NONCE_PLACE = "STYLE-NONCE"  # where the console's page takes the nonce of its answer


@router.get("/")
async def read_form() -> FileResponse:
    """The support form."""
    return _serve("index.html")


@router.get("/ticket/{ref}")
async def read_ticket_page(ref: str) -> FileResponse:  # noqa: ARG001  # the page reads it from its own address
    """The ticket page; its script asks for the ticket."""
    return _serve("ticket.html")


@router.get("/desk")
@router.get("/desk/{path:path}")
async def read_console(path: str = "") -> HTMLResponse:  # noqa: ARG001  # the console reads it from its own address
    """The staff's console. Its library writes styles into the page, which only the nonce of this answer allows."""
    nonce = secrets.token_urlsafe(16)
    page = _find("console.html").read_text(encoding="utf-8").replace(NONCE_PLACE, nonce)
    return HTMLResponse(page, headers={"Content-Security-Policy": write_policy(f"'nonce-{nonce}'")})


@router.get("/docs")
async def read_api_docs() -> FileResponse:
    """The API's documentation, drawn from /openapi.json."""
    return _serve("docs.html")


def mount_assets(app: FastAPI) -> None:
    """Scripts and styles, with their content's hash in their names."""
    app.mount("/assets", StaticFiles(directory=PAGES / "assets", check_dir=False), name="assets")


def _serve(name: str) -> FileResponse:
    return FileResponse(_find(name))


def _find(name: str) -> Path:
    if not (PAGES / name).is_file():
        raise Problem(503, "The web pages are not built; run `make web`. The API works without them.")
    return PAGES / name

"""The built web pages."""

from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from api.access import ANYONE
from api.problems import Problem

router = APIRouter(include_in_schema=False, dependencies=[Depends(ANYONE)])

PAGES = Path(__file__).parents[2] / "web" / "dist"


@router.get("/")
async def read_form() -> FileResponse:
    """The support form."""
    return _serve("index.html")


@router.get("/ticket/{ref}")
async def read_ticket_page(ref: str) -> FileResponse:  # noqa: ARG001  # the page reads it from its own address
    """The ticket page; its script asks for the ticket."""
    return _serve("ticket.html")


@router.get("/docs")
async def read_api_docs() -> FileResponse:
    """The API's documentation, drawn from /openapi.json."""
    return _serve("docs.html")


def mount_assets(app: FastAPI) -> None:
    """Scripts and styles, with their content's hash in their names."""
    app.mount("/assets", StaticFiles(directory=PAGES / "assets", check_dir=False), name="assets")


def _serve(name: str) -> FileResponse:
    if not (PAGES / name).is_file():
        raise Problem(503, "The web pages are not built; run `make web`. The API works without them.")
    return FileResponse(PAGES / name)

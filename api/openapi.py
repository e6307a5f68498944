"""The API's own description, written without a database: the web pages take their types from it.

`python -m api.openapi` prints the document.
"""

import json
import sys

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.main import create_app
from core.settings import Settings


def build_app() -> FastAPI:
    """The application, to be looked at: it depends on no setting and opens nothing."""
    return create_app(Settings.model_construct(), database_url="", secret_key="")


def list_routes(app: FastAPI) -> list[APIRoute]:
    """Every route of the application, also those that the documentation leaves out."""
    routers = [included.original_router for included in app.routes if hasattr(included, "original_router")]
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


if __name__ == "__main__":
    json.dump(build_app().openapi(), sys.stdout, indent=2)

"""The API's own description, written without a database: the web pages take their types from it.

`python -m api.openapi` prints the document.
"""

import json
import sys
from typing import Any

from api.main import create_app
from core.settings import Settings


def describe_api() -> dict[str, Any]:
    """The OpenAPI document. It depends on no setting and opens nothing."""
    return create_app(Settings.model_construct(), database_url="", secret_key="").openapi()


if __name__ == "__main__":
    json.dump(describe_api(), sys.stdout, indent=2)

"""What the web process loads, what it logs, and what its documentation says."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.access import Access, Open, list_declarations
from api.openapi import list_routes
from tests.api.service import Service

ROOT = Path(__file__).parents[2]
# Not open, but with a cookie that the documentation calls security as well.
BY_COOKIE = {("/auth/refresh", "post"), ("/auth/logout", "post")}
# A bug inside a submission, in a fresh process, since logging is set up once per process.
FAILING_SUBMISSION = """
import asyncio, sys, httpx
from api.main import create_app
from api import submissions
from core.logging import configure_logging
from core.settings import LogSettings, RateSettings, Settings

def fail():
    raise RuntimeError("a bug")

async def submit():
    submissions.new_id = fail
    url = "postgresql://127.0.0.1:1/nowhere"
    app = create_app(Settings.model_construct(rate=RateSettings(limits=False)), database_url=url, secret_key="k3y" * 12)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://desk")
    form = {"name": "Pr1vateName", "email": "pr1vate@example.com", "subject": "Pr1vateSubject"}
    form["message"] = "Pr1vateText"
    async with app.router.lifespan_context(app), client:
        print((await client.post("/support/submit", json=form)).status_code)

configure_logging(LogSettings(format=sys.argv[1]), process="api")
asyncio.run(submit())
"""


def list_described(app: FastAPI) -> dict[tuple[str, str], Access]:
    """Every route that the documentation describes, with who may call it."""
    return {
        (route.path_format, method.lower()): next(iter(list_declarations(route.dependant)))
        for route in list_routes(app)
        if route.include_in_schema
        for method in route.methods or ()
    }


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )


def test_the_web_process_loads_neither_the_agent_nor_its_sdk() -> None:
    code = "import sys, api.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(run_python(code).stdout.split())
    assert "api" in loaded
    assert not loaded & {"agent", "agents", "openai", "onnxruntime", "onnx", "tokenizers", "numpy", "workers", "cli"}


def test_importing_the_web_process_says_nothing_and_opens_nothing() -> None:
    result = run_python("import threading, api.main; assert threading.active_count() == 1")
    assert result.stdout + result.stderr == ""


@pytest.mark.parametrize("shape", ["json", "console"])
def test_the_log_of_a_bug_keeps_messages_addresses_and_secrets_to_itself(shape: str) -> None:
    result = run_python(FAILING_SUBMISSION, shape)
    assert result.stdout.strip() == "500"
    assert "a bug" in result.stderr, "the bug itself must be in the log"
    for private in ("Pr1vateText", "pr1vate@example.com", "Pr1vateName", "Pr1vateSubject", "k3yk3y"):
        assert private not in result.stderr, f"{private} is in the log"


async def test_the_documentation_names_every_route_of_ours(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == set(list_described(service.app))


async def test_the_documentation_says_which_routes_want_credentials(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()
    closed = {
        (path, method)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation.get("security")
    }
    described = list_described(service.app)
    assert closed - BY_COOKIE == {name for name, access in described.items() if not isinstance(access, Open)}


async def test_every_documented_operation_says_what_it_does(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert all(operation["description"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)

"""A small sample of what `python -m tests.api.calls` does at length: every answer is as the API's description says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI

from api.openapi import list_routes
from core.settings import RateSettings, Settings
from tests.api.calls import NO_ROUTE, ROLES, CallerRole, Tally, build_app, call_api
from tests.api.service import open_service
from tests.api.world import World, build_world, with_channels
from tests.conftest import cloned

# They wait for a worker, and none works here, for as long as the request says or ten seconds.
WAITING = {"/knowledge/search", "/settings/channels/{channel}/{inbox}/test", "/test/queue", "/tickets/{ref}/resolve"}


@dataclass(frozen=True, slots=True)
class Desk:
    """A database with something of everything, and what makes an application on it."""

    settings: Settings
    url: str
    world: World

    def build(self) -> FastAPI:
        """An application that has not been started."""
        return build_app(self.settings, self.url)


@pytest.fixture(scope="module")
async def desk(server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One desk for all roles."""
    settings = with_channels(
        Settings.model_construct(data_dir=tmp_path_factory.mktemp("calls"), rate=RateSettings(limits=False))
    )
    async with cloned(server_url, "nightdesk_template") as url:
        async with open_service(settings, url) as service:
            world = await build_world(service)
        yield Desk(settings, url, world)


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_as_declared(desk: Desk, role: CallerRole) -> None:
    app, tally = desk.build(), Tally()
    call_api(app, desk.world, role, tally, examples=2, seed=1, without=WAITING, has_coverage=False)
    assert tally.failures == {}
    assert {status for _, status in tally.answers if status >= 500} == set()
    described = {
        f"{method} {route.path}"
        for route in list_routes(app)
        for method in route.methods or ()
        if route.include_in_schema and route.path not in WAITING
    }
    assert {route for route, _ in tally.answers} - {NO_ROUTE} == described


def test_an_answer_that_is_not_as_declared_is_noticed(desk: Desk) -> None:
    app, tally = desk.build(), Tally()
    answer = app.openapi()["paths"]["/health"]["get"]["responses"]["200"]["content"]["application/json"]
    answer["schema"] = {"type": "integer"}
    others = {path for path in app.openapi()["paths"] if path != "/health"}
    call_api(app, desk.world, "nobody", tally, examples=1, seed=1, without=others, has_coverage=False)
    assert list(tally.failures) == ["GET /health: response_schema_conformance"]

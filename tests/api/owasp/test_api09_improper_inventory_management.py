"""API9:2023 Improper Inventory Management. Somebody finds a route that nobody looks after."""

import httpx
from starlette.routing import Mount

from api.access import ANYONE, VENDOR, list_declarations
from api.openapi import list_routes
from tests.api.service import expect_problem
from tests.api.world import World


def test_every_route_is_described_or_is_a_page(world: World) -> None:
    described = world.service.app.openapi()["paths"]
    hidden = {
        route.path for route in list_routes(world.service.app) if route.path.replace(":path", "") not in described
    }
    assert hidden == {"/", "/ticket/{ref}", "/desk", "/desk/{path:path}", "/docs"}
    mounted = {route.path for route in world.service.app.routes if isinstance(route, Mount)}
    assert mounted == {"/assets"}


def test_what_is_not_open_is_described_as_closed(world: World) -> None:
    described = world.service.app.openapi()["paths"]
    for route in list_routes(world.service.app):
        is_open = bool(list_declarations(route.dependant) & {ANYONE, VENDOR})
        for method in (each.lower() for each in route.methods or () if route.include_in_schema):
            operation = described[route.path.replace(":path", "")][method]
            has_own_cookie = route.path in {"/auth/refresh", "/auth/logout"}
            assert bool(operation.get("security")) == (not is_open or has_own_cookie), route.path


async def test_nothing_answers_where_frameworks_leave_something(client: httpx.AsyncClient) -> None:
    for path in (
        "/redoc",
        "/docs/oauth2-redirect",
        "/debug",
        "/admin",
        "/graphql",
        "/v1/users",
        "/.env",
        "/.git/config",
    ):
        expect_problem(await client.get(path), 404)

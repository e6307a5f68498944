"""Every route says who may call it."""

from api.access import list_declarations
from api.openapi import list_routes
from tests.api.service import Service


async def test_every_route_declares_once_who_may_call_it(service: Service) -> None:
    routes = list_routes(service.app)
    assert routes
    unclear = {
        f"{route.methods} {route.path}": declared
        for route in routes
        if len(declared := list_declarations(route.dependant)) != 1
    }
    assert not unclear

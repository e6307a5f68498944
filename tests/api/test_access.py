"""Every route says who may call it."""

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.access import Access
from tests.api.service import Service


def list_routes(app: FastAPI) -> list[APIRoute]:
    """Every route of the application, also those that the documentation leaves out."""
    routers = [included.original_router for included in app.routes if hasattr(included, "original_router")]
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def list_declarations(dependant: Dependant) -> set[Access]:
    """The declarations among the dependencies of a route, its router's included."""
    call: object = dependant.call
    below = {access for needed in dependant.dependencies for access in list_declarations(needed)}
    return below | {call} if isinstance(call, Access) else below


async def test_every_route_declares_once_who_may_call_it(service: Service) -> None:
    routes = list_routes(service.app)
    assert routes
    unclear = {
        f"{route.methods} {route.path}": declared
        for route in routes
        if len(declared := list_declarations(route.dependant)) != 1
    }
    assert not unclear

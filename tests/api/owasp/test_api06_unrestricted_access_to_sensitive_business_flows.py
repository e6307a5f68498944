"""API6:2023 Unrestricted Access To Sensitive Business Flows.

Somebody fills in the form, asks for codes or guesses them by machine.
"""

from dataclasses import replace
from uuid import uuid4

import httpx

from api.limits import Policy, RateLimits
from tests.api.service import FORM
from tests.api.world import World


async def test_a_flood_of_forms_is_stopped_whatever_address_it_claims(world: World) -> None:
    desk = world.service.desk
    limits = RateLimits(desk.pool, {"form": Policy(3, 0.01)}, uuid4().hex)
    world.service.app.state.desk = replace(desk, limits=limits)
    try:
        statuses = []
        for number in range(6):
            claimed = {
                "X-Forwarded-For": f"192.0.2.{number}",
                "X-Real-IP": f"192.0.2.{number}",
                "Forwarded": f"for=192.0.2.{number}",
            }
            answer = await world.service.client.post("/support/submit", json=FORM, headers=claimed)
            statuses.append(answer.status_code)
    finally:
        world.service.app.state.desk = desk
    assert statuses == [202, 202, 202, 429, 429, 429]


async def test_codes_are_neither_ordered_nor_guessed_without_end(world: World, client: httpx.AsyncClient) -> None:
    path = f"/support/ticket/{world.other.ref}/identity"
    email = {"email": f"{uuid4().hex}@example.com"}
    ordered = [(await client.post(path, json=email, headers=world.other.holding)).status_code for _ in range(12)]
    assert (ordered[0], ordered[-1]) == (202, 429)
    guesses = [
        (await client.post(f"{path}/confirm", json={"code": f"{number:06d}"}, headers=world.other.holding)).status_code
        for number in range(30)
    ]
    assert set(guesses) == {422}

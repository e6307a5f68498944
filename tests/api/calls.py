"""Calls of the whole API as every role, made up by schemathesis from the API's own description.

`python -m tests.api.calls [--calls N]` makes at least N as each role while a worker works: good requests and bad ones,
singly and in chains in which an answer feeds the next request. Each answer must be as the description declares it (its
status, its media type, its headers, its schema), and none a 5xx.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import schemathesis
import structlog
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from fastapi.routing import APIRoute
from schemathesis.config import CacheConfig, SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.python.asgi import shutdown_lifespans
from starlette.types import Message, Receive, Scope, Send

from api.main import create_app
from core.settings import RateSettings, Settings
from database.embedded import run_embedded
from database.init_db import init_db
from tests.api.service import LOWEST_COST, SECRET_KEY, open_service, read_fixed_clock
from tests.api.world import HangUp, World, build_world, with_channels
from tests.conftest import FAST_SETTINGS, open_server_folder
from workers.process import run_worker

CallerRole = Literal["nobody", "user", "agent", "admin"]
ROLES: tuple[CallerRole, ...] = get_args(CallerRole)
RESULTS_FILE = Path(__file__).parents[2] / ".data" / "results" / "api-calls.json"
CALLS = 10_000
EXAMPLES = 20  # of each operation, before another seed is begun with
# Not whether all bad data is refused: pydantic reads 0 as false and "1" as 1, and is meant to.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]
# A probe that is told to wait for no time finds that nobody answered in time.
MEANT = {("POST /test/queue", "not_a_server_error", 504)}
NO_ROUTE = "no route"


@dataclass
class Tally:
    """What was called as one role, and which answers were not as declared."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, event: events.EngineEvent) -> None:
        """Keep what a run tells of failures, each kind once. A run that breaks is one, too."""
        if isinstance(event, events.ScenarioFinished):
            self._note_checks(event.recorder)
        elif isinstance(event, events.NonFatalError):
            self.failures.setdefault(f"{event.label}: no calls", str(event.value))
        elif isinstance(event, events.FatalError):
            self.failures.setdefault("the run broke", str(event.exception))

    def describe(self) -> dict[str, Any]:
        """The figures, and of each route the statuses it has answered with."""
        statuses: dict[str, Counter[str]] = {}
        for (route, status), count in sorted(self.answers.items()):
            statuses.setdefault(route, Counter())[str(status)] += count
        strangers = statuses.pop(NO_ROUTE, Counter())
        succeeded = [route for route, counts in statuses.items() if any(status < "300" for status in counts)]
        return {
            "calls": self.answers.total(),
            "calls_without_route": strangers.total(),
            "failures": self.failures,
            "routes": len(statuses),
            "routes_that_succeeded": len(succeeded),
            "statuses": statuses,
        }

    def _note_checks(self, recorder: ScenarioRecorder) -> None:
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is None:
                    continue
                label = recorder.cases[case_id].value.operation.label
                answer = recorder.interactions[case_id].response
                if (label, check.name, answer and answer.status_code) not in MEANT:
                    said = f"{check.failure_info.failure.message}\n{check.failure_info.code_sample}"
                    self.failures.setdefault(f"{label}: {check.name}", said)


class AsRole:
    """The application as one role calls it: every request carries its token, and is counted."""

    def __init__(self, app: FastAPI, role: CallerRole, world: World, tally: Tally) -> None:
        self._app = app
        self._answer = HangUp(app)
        self._headers = [(name.lower().encode(), value.encode()) for name, value in find_headers(world, role).items()]
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._put_right()
        scope["headers"] = [*scope["headers"], *self._headers]

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tally.answers[name_route(scope), message["status"]] += 1
            await send(message)

        await self._answer(scope, receive, send_and_count)

    async def _put_right(self) -> None:
        """Calls take its rights from the account that calls, after which all others would only be refused."""
        async with self._app.state.desk.pool.acquire() as conn:
            await conn.execute("UPDATE sessions SET revoked_at = NULL WHERE revoked_at IS NOT NULL")
            await conn.execute("UPDATE users SET disabled_at = NULL WHERE disabled_at IS NOT NULL")


def name_route(scope: Scope) -> str:
    """The method and path of the route that has answered. One of another method has only said that it is no such."""
    route = scope.get("route")
    if not isinstance(route, APIRoute) or scope["method"] not in (route.methods or ()):
        return NO_ROUTE
    return f"{scope['method']} {route.path}"


def find_headers(world: World, role: CallerRole) -> dict[str, str]:
    """What shows that one has signed in as this role."""
    return {"nobody": {}, "user": world.owner.headers, "agent": world.agent, "admin": world.admin}[role]


def seed_ids(description: Mapping[str, Any], world: World) -> dict[str, Any]:
    """The description, in which the ids of what exists are as likely as others. Nobody has the token of a ticket."""
    seeded = deepcopy(dict(description))
    known = world.ids | {"token": world.owner.token}
    for operations in seeded["paths"].values():
        for parameter in (each for operation in operations.values() for each in operation.get("parameters", ())):
            if parameter["name"] in known:
                parameter["schema"] = {"anyOf": [parameter["schema"], {"enum": [known[parameter["name"]]]}]}
    return seeded


def build_app(settings: Settings, url: str) -> FastAPI:
    """The application, which schemathesis starts and stops."""
    return create_app(
        settings, database_url=url, secret_key=SECRET_KEY, clock=read_fixed_clock, password_cost=LOWEST_COST
    )


def call_api(
    app: FastAPI,
    world: World,
    role: CallerRole,
    tally: Tally,
    *,
    examples: int,
    seed: int,
    without: Collection[str] = (),
    has_coverage: bool = True,
) -> None:
    """Call everything but the paths `without`. With coverage each value is also tried at its bounds and beyond."""
    config = SchemathesisConfig(seed=seed, cache=CacheConfig(enabled=False))
    project = config.projects.default
    project.checks.update(included_check_names=CHECKS)
    project.generation.max_examples = examples
    project.generation.with_security_parameters = False
    project.phases.coverage.enabled = has_coverage
    description = seed_ids(app.openapi(), world)
    description["paths"] = {path: value for path, value in description["paths"].items() if path not in without}
    schema = schemathesis.openapi.from_dict(description, config=config)
    schema.app = AsRole(app, role, world, tally)
    try:
        for event in from_schema(schema).execute():
            tally.note(event)
    finally:
        shutdown_lifespans()


@contextmanager
def working(settings: Settings, url: str) -> Iterator[None]:
    """A worker beside the calls, so that tickets are answered and jobs are done."""
    with start_blocking_portal() as portal:
        stop = portal.call(asyncio.Event)
        running = portal.start_task_soon(run_worker, settings, url, stop)
        try:
            yield
        finally:
            portal.call(stop.set)
            running.result()


async def prepare(settings: Settings, url: str) -> World:
    """A migrated database with something of everything in it."""
    await init_db(url)
    async with open_service(settings, url) as service:
        return await build_world(service)


def prove(calls: int) -> dict[CallerRole, Tally]:
    """At least so many calls as each role, on a desk of their own."""
    tallies = {role: Tally() for role in ROLES}
    with (
        TemporaryDirectory() as data,
        open_server_folder() as folder,
        run_embedded(folder / "data", extra_settings=FAST_SETTINGS) as url,
    ):
        quiet = Settings.model_construct(data_dir=Path(data), rate=RateSettings(limits=False))
        settings = with_channels(quiet)
        world = asyncio.run(prepare(settings, url))
        app = build_app(settings, url)
        with working(quiet, url):
            for role, tally in tallies.items():
                seed = 0
                while tally.answers.total() < calls:
                    seed += 1
                    call_api(app, world, role, tally, examples=EXAMPLES, seed=seed)
                sys.stderr.write(f"{role}: {tally.answers.total()} calls, {len(tally.failures)} failures\n")
    return tallies


def main() -> int:
    """Call, write, print; 0 if every answer was as declared."""
    parser = argparse.ArgumentParser(prog="python -m tests.api.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    # What goes wrong is answered with a 5xx, which counts; the worker has no mail server, and says so of every mail.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tallies = prove(parser.parse_args().calls)
    results = {role: tally.describe() for role, tally in tallies.items()}
    RESULTS_FILE.parent.mkdir(parents=True, exist_ok=True)
    RESULTS_FILE.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    summary = {role: {name: results[role][name] for name in results[role] if name != "statuses"} for role in ROLES}
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    return 1 if any(tally.failures for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

"""The whole examination: all questions at once, the results in the order of a walk through the desk."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from cli.doctor.accounts import plan_accounts
from cli.doctor.channels import plan_channels
from cli.doctor.checks import Check, Result, run_check
from cli.doctor.database import plan_facts, plan_migrations, plan_server, plan_tables
from cli.doctor.machine import plan_machine
from cli.doctor.model import plan_models
from cli.doctor.other_servers import plan_other_servers
from cli.doctor.public import plan_public
from cli.doctor.settings import plan_settings
from cli.doctor.work import plan_work
from core.clock import Clock, read_system_clock
from core.findings import Finding
from core.settings import Settings
from database.pool import open_pool

_AREAS = ("Settings", "Database", "Work", "Accounts", "Channels", "Public address", "Models", "Machine")
_CONNECTIONS = 3
_SECONDS = 5

OnDone = Callable[[int, int], None]


async def examine_desk(
    settings: Settings, database_url: str | None, *, on_done: OnDone, clock: Clock = read_system_clock
) -> list[Result]:
    """Everything that can be looked at. `on_done` hears of every finished check, and of how many there are so far.

    Without a URL there is no database: the embedded one is not started for this.
    """
    crew = _Crew(on_done)
    results = await asyncio.gather(
        crew.run(
            [
                *plan_settings(settings),
                *plan_channels(settings),
                *plan_public(settings, clock),
                *plan_models(settings),
                *plan_machine(settings, clock),
            ]
        ),
        _examine_database(settings, database_url, crew, clock),
    )
    return sorted((result for part in results for result in part), key=lambda result: _AREAS.index(result.area))


class _Crew:
    """Runs checks beside each other and counts them."""

    def __init__(self, on_done: OnDone) -> None:
        self._on_done = on_done
        self._done = 0
        self._planned = 0

    async def run(self, checks: Iterable[Check]) -> list[Result]:
        """The results in the order of the checks."""
        planned = list(checks)
        self._planned += len(planned)
        return [result for part in await asyncio.gather(*map(self._run_one, planned)) for result in part]

    async def _run_one(self, check: Check) -> list[Result]:
        results = await run_check(check)
        self._done += 1
        self._on_done(self._done, self._planned)
        return results


async def _examine_database(settings: Settings, url: str | None, crew: _Crew, clock: Clock) -> list[Result]:
    """First whether it answers, then what it is, then what is in it: each needs the one before."""
    if url is None:
        found = Finding.problem("the embedded database does not run", "Run `nightdesk up`, or set DATABASE_URL.")
        return [Result("Database", "Server", found)]
    async with open_pool(
        url,
        application="nightdesk doctor",
        max_size=_CONNECTIONS,
        statement_timeout_seconds=_SECONDS,
        acquire_seconds=_SECONDS,
        is_read_only=True,
    ) as pool:
        server, others = await asyncio.gather(
            crew.run([plan_server(pool, settings)]), crew.run(plan_other_servers(settings))
        )
        if _has_problem(server):
            return [*server, *others]
        results = [*server, *others, *await crew.run(plan_facts(pool, settings, clock))]
        migrations = await crew.run([plan_migrations(pool)])
        if _has_problem(migrations):
            skipped = Finding.advice("not looked at: the tables are not this version's", "See Migrations above.")
            return [*results, *migrations, Result("Work", "Everything", skipped)]
        work = [*plan_tables(pool), *plan_work(pool, settings, clock), *plan_accounts(pool, settings, clock)]
        return [*results, *migrations, *await crew.run(work)]


def _has_problem(results: Sequence[Result]) -> bool:
    return any(result.finding.level == "problem" for result in results)

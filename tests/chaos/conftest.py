"""The template process of all chaos tests, and the processes of one of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.crew import Crew, run_crew
from tests.chaos.orders import Order
from tests.chaos.results import describe_results


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of `make chaos`."""
    for line in describe_results():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
async def template(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crew]:
    """Started once: importing everything takes seconds."""
    async with run_crew(tmp_path_factory.mktemp("chaos") / "crew.log") as crew:
        yield crew


@pytest.fixture
async def crew(template: Crew) -> AsyncIterator[Crew]:
    """Processes that do not outlive their test."""
    yield template
    await template.end_all()


@pytest.fixture
def order(database_url: str, tmp_path: Path, crew: Crew) -> Order:
    """One ordinary worker on this test's database. After the database in the order of set-up, so ended before it."""
    return Order(url=database_url, journal=tmp_path / "journal.jsonl")

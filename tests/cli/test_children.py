"""Who dies is replaced: at once, then after longer and longer pauses, and not where only the operator can help."""

import subprocess
from typing import cast

import pytest

from cli.children import Children
from cli.context import CommandError


class FakeProcess:
    """A process that lives until a test ends it."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


class Nursery:
    """Children that are begun without any process, a watch, and what the operator is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.begun: list[FakeProcess] = []
        self.said: list[str] = []
        self.children = Children(self.said.append, monotonic=lambda: self.now)
        self.children.add("worker", self._start)

    def _start(self) -> subprocess.Popen[bytes]:
        self.begun.append(FakeProcess())
        return cast("subprocess.Popen[bytes]", self.begun[-1])

    def look(self, *, after: float = 0.0) -> int:
        """Time goes by, and the desk looks; how many processes were begun so far."""
        self.now += after
        self.children.replace_dead()
        return len(self.begun)


@pytest.fixture
def nursery() -> Nursery:
    return Nursery()


def test_one_that_is_killed_is_replaced_at_once_and_the_operator_told(nursery: Nursery) -> None:
    nursery.begun[0].code = -9
    assert nursery.look() == 2
    assert nursery.said == ["The worker process was killed by SIGKILL; another one starts now."]
    assert nursery.look(after=1) == 2


def test_who_dies_again_and_again_is_replaced_more_and_more_rarely(nursery: Nursery) -> None:
    pauses = []
    for _ in range(8):
        nursery.begun[-1].code = 1
        before, waited = len(nursery.begun), 0
        while nursery.look(after=0 if waited == 0 else 1) == before:
            waited += 1
        pauses.append(max(0, waited - 1) if waited == 0 else waited)
    assert pauses == [0, 1, 2, 5, 10, 30, 30, 30]
    assert nursery.said[1] == "The worker process ended with code 1; another one starts in 1 s."
    assert len(nursery.said) == 8, "one line for each death, not for each look"


def test_a_long_life_makes_up_for_earlier_deaths(nursery: Nursery) -> None:
    for _ in range(2):
        nursery.begun[-1].code = 1
        nursery.look(after=10)
    nursery.look(after=60)
    nursery.begun[-1].code = 1
    nursery.look(after=3600)
    assert nursery.said[-1].endswith("another one starts now.")


def test_an_error_that_only_the_operator_can_mend_ends_the_desk(nursery: Nursery) -> None:
    nursery.begun[0].code = 2
    with pytest.raises(CommandError, match="the worker process ended with code 2"):
        nursery.look()


def test_one_that_does_not_come_up_at_all_ends_the_desk(nursery: Nursery) -> None:
    nursery.children.require_running()
    nursery.begun[0].code = 1
    with pytest.raises(CommandError, match="the worker process ended with code 1"):
        nursery.children.require_running()

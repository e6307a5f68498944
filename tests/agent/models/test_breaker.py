"""The breaker leaves a failing model alone, tries again, and closes when it is back."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.models.brain import OFFLINE_BRAIN
from agent.models.breaker import Breaker
from tests.agent.builders import make_agent, make_turn
from tests.agent.models.asking import ANSWER, LOOK, make_brain
from tests.emulators.openai.script import NO_MONEY, Fail
from tests.emulators.openai.server import serve_openai


class Clock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(max_failures=3, pause_seconds=30, monotonic=Clock())
    for _ in range(2):
        breaker.note_failure()
    assert breaker.lets_through()
    breaker.note_success()
    for _ in range(2):
        breaker.note_failure()
    assert breaker.lets_through()
    breaker.note_failure()
    assert breaker.is_open
    assert not breaker.lets_through()


def test_a_lasting_failure_opens_it_at_once() -> None:
    breaker = Breaker(max_failures=5, pause_seconds=30, monotonic=Clock())
    breaker.note_failure(is_lasting=True)
    assert not breaker.lets_through()


def test_after_the_pause_one_try_goes_through_and_another_if_it_never_reports() -> None:
    clock = Clock()
    breaker = Breaker(max_failures=1, pause_seconds=30, monotonic=clock)
    breaker.note_failure()
    clock.now += 30
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    clock.now += 30
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.note_success()
    assert [breaker.lets_through() for _ in range(3)] == [True, True, True]


class BreakerMachine(RuleBasedStateMachine):
    """Against a model in so many words: what was reported since the last success, and when the next try is due."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(max_failures=3, pause_seconds=10, monotonic=self.clock)
        self.failures = 0
        self.is_open = False
        self.due = 0.0

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock moves."""
        self.clock.now += seconds

    @rule()
    def succeeds(self) -> None:
        """An answer, also one that was asked for before it opened."""
        self.breaker.note_success()
        self.failures, self.is_open = 0, False

    @rule(is_lasting=st.booleans())
    def fails(self, is_lasting: bool) -> None:
        """No answer."""
        self.breaker.note_failure(is_lasting=is_lasting)
        self.failures += 1
        if is_lasting or self.is_open or self.failures >= 3:
            self.is_open, self.due = True, self.clock.now + 10

    @rule()
    def is_asked(self) -> None:
        """At most one try for each pause."""
        expected = not self.is_open or self.clock.now >= self.due
        assert self.breaker.lets_through() is expected
        if self.is_open and expected:
            self.due = self.clock.now + 10

    @invariant()
    def says_what_it_is(self) -> None:
        """What operators read."""
        assert self.breaker.is_open is self.is_open


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(("failure", "turns_before"), [(Fail(500), 2), (NO_MONEY, 1), (Fail(401), 1)])
async def test_a_model_that_is_away_is_left_alone_tried_again_and_comes_back(failure: Fail, turns_before: int) -> None:
    async with serve_openai(failure) as server:
        clock = Clock()
        breaker = Breaker(max_failures=2, pause_seconds=30, monotonic=clock)
        brain = replace(make_brain(server), breaker=breaker)
        agent = make_agent(brain=brain)
        assert agent.brain_name == "openai (gpt-4o)"
        for _ in range(turns_before):
            assert (await agent.run_turn(make_turn())).brain is OFFLINE_BRAIN
        asked = len(server.requests)
        assert agent.brain_name == "offline, while openai (gpt-4o) is away"
        quick = await agent.run_turn(make_turn())
        assert len(server.requests) == asked
        assert (quick.brain, quick.fallback, quick.decision.action) == (OFFLINE_BRAIN, "Breaker", "answer")

        server.steps = [LOOK, ANSWER]
        server.requests.clear()
        clock.now += 30
        back = await agent.run_turn(make_turn())
        assert (back.brain.name, back.fallback) == ("openai", None)
        assert agent.brain_name == "openai (gpt-4o)"
        await agent.aclose()


async def test_the_settings_say_after_how_many_failures_it_opens() -> None:
    async with serve_openai(Fail(500)) as server:
        agent = make_agent(brain=make_brain(server, breaker_failures=3))
        for opens in (False, False, True):
            await agent.run_turn(make_turn())
            assert agent.brain_name.startswith("offline") is opens
        await agent.aclose()

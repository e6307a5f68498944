"""A session against a model of it: whatever is shown in whatever order, no two tokens of one family live at once."""

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from database.pool import DbConnection, connect
from database.queries import sessions, users
from database.queries.sessions import GRACE, SIGNING_KEY_DAYS, find_signing_key

T = TypeVar("T")

START = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAYS = 30


class SessionMachine(RuleBasedStateMachine):
    """One session whose tokens, all that were ever given, are shown by anybody at any time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, conn: DbConnection) -> None:
        super().__init__()
        self.loop, self.conn = loop, conn
        self.now = START
        self.run(conn.execute("DELETE FROM users"))
        user = self.run(users.add_user(conn, email="ada@example.com", name="", role="agent", password_hash=""))
        self.session = self.run(sessions.open_session(conn, user.id, now=self.now, days=DAYS))
        self.newest, self.renewed_at, self.is_over = 1, self.now, False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def expect(self, generation: int) -> sessions.Verdict:
        """What the model says of a token."""
        if self.is_over or self.now >= START + timedelta(days=DAYS):
            return "over"
        if generation == self.newest:
            return "rotated"
        is_racing = generation == self.newest - 1 and self.now - self.renewed_at <= GRACE
        return "repeated" if is_racing else "replayed"

    @rule(age=st.integers(0, 3))
    def show(self, age: int) -> None:
        """The newest token, or one of so many refreshes ago."""
        generation = max(1, self.newest - age)
        expected = self.expect(generation)
        verdict, session = self.run(sessions.refresh_session(self.conn, self.session.id, generation, now=self.now))
        assert verdict == expected
        assert (session is not None) == (verdict != "over")
        if verdict == "rotated":
            self.newest, self.renewed_at = self.newest + 1, self.now
        self.is_over = self.is_over or verdict == "replayed"
        if session is not None:
            assert session.generation == self.newest, "what is handed out is the one token that is good"

    @rule()
    def sign_out(self) -> None:
        self.run(sessions.revoke_session(self.conn, self.session.id, now=self.now))
        self.is_over = True

    @rule(seconds=st.sampled_from([0.1, GRACE.total_seconds(), 60, 86_400 * DAYS / 2]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def no_token_but_the_newest_gets_another(self) -> None:
        alive = [generation for generation in range(1, self.newest + 2) if self.expect(generation) == "rotated"]
        judged = [generation for generation in range(1, self.newest + 2) if self.judge(generation) == "rotated"]
        assert alive == judged
        assert len(judged) <= 1

    @invariant()
    def access_ends_with_the_session(self) -> None:
        key_id = self.run(find_signing_key(self.conn))
        found = self.run(
            sessions.find_signed_in(self.conn, self.session.id, self.session.user_id, key_id=key_id, now=self.now)
        )
        assert (found is None) == (self.expect(self.newest) == "over")

    def judge(self, generation: int) -> sessions.Verdict:
        """What the database says of a token, without showing it."""
        row = self.run(
            self.conn.fetchrow(
                "SELECT id, user_id, generation, rotated_at, expires_at, revoked_at IS NOT NULL AS is_revoked "
                "FROM sessions"
            )
        )
        assert row is not None
        return sessions.judge_refresh(sessions.Session(**dict(row)), generation, self.now)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Hypothesis calls the rules synchronously, so they bring a loop of their own."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_a_session_behaves_like_its_model(loop: asyncio.AbstractEventLoop, database_url: str) -> None:
    conn = loop.run_until_complete(connect(database_url, application="test"))

    class ConnectedMachine(SessionMachine):
        def __init__(self) -> None:
            super().__init__(loop, conn)

    try:
        run_state_machine_as_test(
            ConnectedMachine,
            settings=settings(
                max_examples=60,
                stateful_step_count=20,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(conn.close())


async def test_of_two_requests_with_one_token_at_once_one_renews_and_both_get_the_same(database_url: str) -> None:
    one, two = [await connect(database_url, application="test") for _ in range(2)]
    user = await users.add_user(one, email="ada@example.com", name="", role="agent", password_hash="")
    session = await sessions.open_session(one, user.id, now=START, days=DAYS)

    async def refresh(conn: DbConnection) -> tuple[sessions.Verdict, sessions.Session | None]:
        async with conn.transaction():
            return await sessions.refresh_session(conn, session.id, 1, now=START)

    (first, given), (second, again) = await asyncio.gather(refresh(one), refresh(two))
    assert {first, second} == {"rotated", "repeated"}
    assert given is not None
    assert again is not None
    assert given.generation == again.generation == 2
    await one.close()
    await two.close()


async def test_the_first_signing_key_is_there_and_is_renewed_after_its_days(conn: DbConnection) -> None:
    first = await find_signing_key(conn)
    assert await sessions.renew_signing_key(conn) is None
    await conn.execute("UPDATE signing_keys SET created_at = now() - make_interval(days => $1)", SIGNING_KEY_DAYS)
    renewed = await sessions.renew_signing_key(conn)
    assert renewed == await find_signing_key(conn) != first

"""`nightdesk doctor` and the work: who does it, what waits, what failed, and who can get in."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli.context import ADMIN_KEY_FILE
from cli.doctor.accounts import plan_accounts
from cli.doctor.work import plan_work
from core.clock import read_system_clock
from core.ids import new_id
from core.settings import OpenAISettings, Settings
from database.pool import Conn, DbPool
from database.queries import desk_state, inboxes, operations, sources, users
from database.queries.api_keys import add_api_key, make_key, revoke_api_key
from database.types import Source, WorkerId
from tests.channels.gmail.desk import make_settings as make_gmail
from tests.cli.doctor_desk import Trouble, find_troubles, make_settings
from tests.cli.test_queue_command import bury
from tests.database.builders import open_conversation, publish_texts, queue_reply

GMAIL = "support@example.com"
NO_WORKER = ("Workers", "problem", "no worker runs: messages are taken and nobody answers", "Run `nightdesk worker`.")


async def begin_work(conn: Conn, *, brain: str = "offline", is_elected: bool = True) -> WorkerId:
    """A worker that is alive."""
    worker = WorkerId(new_id())
    await operations.beat(
        conn, worker, host="desk", pid=7, brain=brain, concurrency=16, in_flight=1, is_elected=is_elected
    )
    return worker


async def examine(pool: DbPool, settings: Settings | None = None) -> list[Trouble]:
    """What is wrong with the work."""
    return await find_troubles(plan_work(pool, settings or make_settings(Path()), read_system_clock))


async def watch_gmail(pool: DbPool, until: datetime) -> None:
    """Gmail pushes until then."""
    async with pool.acquire() as conn:
        lease = await inboxes.take_inbox(conn, "gmail", GMAIL, new_id(), lease_seconds=60)
        assert lease is not None
        await inboxes.note_watch(conn, lease, until)


async def test_a_desk_at_work_is_fine(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await publish_texts(conn, "alice", "hello")
        await queue_reply(conn, await open_conversation(conn))
    await watch_gmail(pool, read_system_clock() + timedelta(days=6))
    assert not await examine(pool, make_settings(Path(), gmail=make_gmail("http://127.0.0.1:9")))


async def test_without_a_worker_nobody_answers(pool: DbPool) -> None:
    assert await examine(pool) == [NO_WORKER]


async def test_a_desk_that_is_paused_is_told_with_its_reason(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await desk_state.pause(conn, "we move house")
        await conn.execute("UPDATE desk_state SET paused_at = '2026-11-21 10:00+00'")
    found = "the desk is paused since 2026-11-21 10:00 UTC, and sends nothing: we move house"
    assert await examine(pool) == [("Pause", "problem", found, "Run `nightdesk resume`.")]


async def test_a_worker_that_fell_silent_is_named(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        silent = await begin_work(conn)
        await conn.execute("UPDATE workers SET heartbeat_at = now() - interval '2 minutes' WHERE id = $1", silent)
        assert await examine(pool) == [NO_WORKER]
        await begin_work(conn)
    ((subject, level, found, remedy),) = await examine(pool)
    assert (subject, level) == ("Workers", "advice")
    assert found.startswith("desk:7 has said nothing for 12")
    assert "desk:7" in str(remedy)


async def test_workers_without_the_model_are_told_where_there_is_a_key(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await begin_work(conn, brain="openai (gpt-4o)")
    assert not await examine(pool)
    with_key = make_settings(Path(), openai=OpenAISettings(api_key=SecretStr("key")))
    ((subject, level, found, remedy),) = await examine(pool, with_key)
    assert (subject, level) == ("Workers", "advice")
    assert "1 worker of 2 without the model" in found
    assert "OPENAI_API_KEY" in str(remedy)


async def test_maintenance_that_nobody_does_is_told(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn, is_elected=False)
        assert not await examine(pool)  # they have just begun
        await conn.execute("UPDATE workers SET started_at = now() - interval '5 minutes'")
    ((subject, level, found, _),) = await examine(pool)
    assert (subject, level, found) == ("Workers", "advice", "no worker does the maintenance")


@pytest.mark.parametrize(("minutes", "level"), [(3, "advice"), (20, "problem")])
async def test_messages_that_wait_too_long_are_told(minutes: int, level: str, pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await publish_texts(conn, "alice", "hello")
        await conn.execute("UPDATE queue_threads SET ready_at = now() - make_interval(mins => $1)", minutes)
    ((subject, found_level, found, _),) = await examine(pool)
    assert (subject, found_level, found) == ("Queue", level, f"the oldest message has waited {minutes} min")


async def test_dead_letters_are_counted(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await bury(conn, "alice")  # type: ignore[arg-type]  # of a pool, which serves as well
    ((subject, level, found, remedy),) = await examine(pool)
    assert (subject, level) == ("Queue", "problem")
    assert "1 dead letter waits" in found
    assert "`nightdesk queue list`" in str(remedy)


@pytest.mark.parametrize(
    ("state", "level", "remedy"),
    [
        ("failed", "problem", "/desk/tickets?undelivered"),
        ("unknown", "problem", "/desk/tickets?undelivered"),
        ("needs_template", "advice", "META_TEMPLATE_NAME"),
    ],
)
async def test_replies_that_did_not_leave_are_told(state: str, level: str, remedy: str, pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await queue_reply(conn, await open_conversation(conn))
        await conn.execute("UPDATE outbox SET state = $1", state)
    ((subject, found_level, _, found_remedy),) = await examine(pool)
    assert (subject, found_level) == ("Replies", level)
    assert remedy in str(found_remedy)


async def test_an_inbox_in_trouble_is_told_on_both_sides(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        await inboxes.note_problem(conn, "mailbox", "m@example.com", "read", "the password is refused")
        await inboxes.note_problem(conn, "mailbox", "m@example.com", "send", "the account is locked")
    read, send = await examine(pool)
    assert read[:3] == ("Inboxes", "problem", "mailbox m@example.com cannot be read: the password is refused")
    assert send[:3] == ("Inboxes", "problem", "mailbox m@example.com cannot send: the account is locked")


@pytest.mark.parametrize(
    ("ahead", "expected"), [(timedelta(hours=5), "pushes end at"), (-timedelta(1), "pushes ended")]
)
async def test_pushes_that_end_are_told(ahead: timedelta, expected: str, pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
    await watch_gmail(pool, read_system_clock() + ahead)
    ((subject, level, found, remedy),) = await examine(pool)
    assert (subject, level) == ("Inboxes", "problem")
    assert expected in found
    assert "`nightdesk gmail status --watch`" in str(remedy)


async def test_pushes_that_nobody_asked_for_are_told(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
    settings = make_settings(Path(), gmail=make_gmail("http://127.0.0.1:9"))
    ((subject, level, found, _),) = await examine(pool, settings)
    assert (subject, level, found) == ("Inboxes", "problem", "Gmail was not yet asked to push")
    async with pool.acquire() as conn:
        await operations.configure_channel(conn, "gmail", GMAIL, enabled=False, sets_quiet=False, quiet_seconds=None)
    assert not await examine(pool, settings)


async def test_what_is_kept_beyond_its_time_is_told(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await begin_work(conn)
        source = await sources.keep_source(conn, Source("mailbox", GMAIL, "1", b"old"), origin="imap", state="stored")
        await conn.execute("UPDATE message_sources SET received_at = now() - interval '31 days'")
        assert not await examine(pool)
        await conn.execute("UPDATE message_sources SET received_at = now() - interval '40 days' WHERE id = $1", source)
    ((subject, level, _, remedy),) = await examine(pool)
    assert (subject, level) == ("Retention", "advice")
    assert "`nightdesk retention run`" in str(remedy)


# Accounts --------------------------------------------------------------------------------------------------


async def examine_accounts(pool: DbPool, folder: Path = Path(), **parts: Any) -> list[Trouble]:
    """What is wrong with who can get in."""
    return await find_troubles(plan_accounts(pool, make_settings(folder, **parts), read_system_clock))


async def open_admin(conn: Conn) -> None:
    """Somebody who can set the desk up."""
    await users.add_user(conn, email="ann@example.com", name="Ann", role="admin", password_hash="hash")


@pytest.mark.parametrize(("environment", "level"), [("development", "advice"), ("production", "problem")])
async def test_a_desk_without_an_admin_is_told(environment: str, level: str, pool: DbPool) -> None:
    ((subject, found_level, _, remedy),) = await examine_accounts(pool, environment=environment)
    assert (subject, found_level) == ("Admins", level)
    assert "`nightdesk user create --role admin" in str(remedy)
    async with pool.acquire() as conn:
        await open_admin(conn)
    assert not await examine_accounts(pool, environment=environment)


async def test_a_key_that_may_do_everything_has_no_place_in_production(pool: DbPool, tmp_path: Path) -> None:
    (tmp_path / ADMIN_KEY_FILE).write_text("key")
    async with pool.acquire() as conn:
        await open_admin(conn)
    assert not await examine_accounts(pool, tmp_path)
    ((subject, level, _, remedy),) = await examine_accounts(pool, tmp_path, environment="production")
    assert (subject, level) == ("API keys", "problem")
    assert "`nightdesk key revoke" in str(remedy)


async def test_keys_that_end_soon_or_were_never_used_are_named(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await open_admin(conn)
        await add_api_key(conn, "robot", make_key(), ["tickets:read"], days=7)
        forgotten = await add_api_key(conn, "trial", make_key(), ["tickets:read"])
        revoked = await add_api_key(conn, "leaked", make_key(), ["tickets:read"])
        await add_api_key(conn, "fresh", make_key(), ["tickets:read"])
        await revoke_api_key(conn, revoked)
        await conn.execute(
            "UPDATE api_keys SET created_at = now() - interval '40 days' WHERE id = ANY($1)", [forgotten, revoked]
        )
    unused, soon = await examine_accounts(pool)
    assert unused[:3] == ("API keys", "advice", "“trial” was never used")
    assert str(forgotten) in str(unused[3])
    assert soon[:2] == ("API keys", "advice")
    assert "“robot” ends on" in soon[2]

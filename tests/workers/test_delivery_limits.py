"""Deliveries under the vendors' rules: their pace, their patience, their blocks, and the customer's consent."""

import pytest

from channels.base import DeliveryFailed, InboxBlocked, RateLimited, Receipt, SignInNeeded
from database import outbox
from database.pool import DbPool
from database.queries.inboxes import note_problem
from database.queries.sources import record_consent
from database.types import Consent, StatusUpdate
from tests.workers.inboxes import StubPoller
from tests.workers.outgoing import INBOX, PHONE, Desk, open_desk
from tests.workers.test_delivery import StubSender


async def test_an_inbox_keeps_its_pace_and_nothing_is_lost_by_it(pool: DbPool) -> None:
    sender = StubSender([Receipt() for _ in range(20)])
    desk = Desk(pool, sender, per_minute=60)  # five seconds' worth at once, then one a second
    for number in range(20):
        await desk.queue(await desk.open_chat(f"+1555020{number:02}"))
    assert await desk.deliver() == 20
    assert 5 <= len(sender.sent) <= 7
    waiting = await desk.fetch("SELECT attempts, error, ready_at > now() AS waits FROM outbox WHERE state = 'queued'")
    assert len(waiting) == 20 - len(sender.sent)
    assert {(row["attempts"], row["error"], row["waits"]) for row in waiting} == {(0, None, True)}


async def test_a_vendor_that_asks_for_patience_gets_it_from_the_whole_inbox(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, RateLimited("429", retry_after=120), Receipt(), per_minute=6_000)
    await desk.deliver()
    row = await desk.read()
    assert (row["state"], row["error"], row["attempts"]) == ("queued", "429", 1)
    assert row["delay"] > 110
    await desk.queue(await desk.open_chat("+15550123"))
    await desk.deliver()
    assert len(sender.sent) == 1  # the other customer's reply waits as well
    assert (await desk.count_states()) == {"queued": 2}
    await desk.fetch("UPDATE send_rates SET next_at = now() - interval '1 minute' RETURNING 1")
    await desk.fetch("UPDATE outbox SET ready_at = now() RETURNING 1")
    sender.results.append(Receipt())
    await desk.deliver()
    assert (await desk.count_states()) == {"sent": 2}


async def test_what_one_customer_must_wait_for_holds_up_nobody_else(pool: DbPool) -> None:
    pair_limit = DeliveryFailed("131056", permanent=False, retry_after=6)
    desk, sender = await open_desk(pool, pair_limit, Receipt("other"), per_minute=6_000)
    await desk.deliver()
    await desk.queue(await desk.open_chat("+15550123"))
    await desk.deliver()
    assert await desk.count_states() == {"queued": 1, "sent": 1}
    assert len(sender.sent) == 2


@pytest.mark.parametrize("error", [InboxBlocked("the account is locked"), SignInNeeded("the token was revoked")])
async def test_after_a_day_of_waiting_a_person_gets_the_ticket(pool: DbPool, error: Exception) -> None:
    desk, _ = await open_desk(pool, error, error)
    await desk.deliver()
    await desk.fetch("UPDATE outbox SET ready_at = now(), tried_at = now() - interval '25 hours' RETURNING 1")
    await desk.fetch("DELETE FROM send_rates RETURNING 1")
    await desk.deliver()
    assert (await desk.read())["state"] == "failed"
    assert [tuple(row) for row in await desk.fetch("SELECT kind FROM notices")] == [("undelivered",)]


async def test_a_code_and_a_reply_never_wait_for_each_other(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, SignInNeeded("the mailbox's token was revoked"), Receipt("chat"))
    (chat,) = await desk.fetch("SELECT id FROM conversations")
    await desk.fetch("UPDATE outbox SET created_at = now() + interval '1 minute' RETURNING 1")  # behind the code
    await desk.queue_code(chat["id"])
    await desk.deliver()
    states = {row["kind"]: row["state"] for row in await desk.fetch("SELECT kind, state FROM outbox")}
    assert sorted(states) == ["code", "reply"]
    assert sorted(states.values()) == ["queued", "sent"]
    assert len(sender.sent) == 2


async def test_a_code_that_became_too_old_is_not_sent(pool: DbPool) -> None:
    desk, sender = await open_desk(pool)
    (chat,) = await desk.fetch("SELECT id FROM conversations")
    await desk.fetch("DELETE FROM outbox RETURNING 1")
    await desk.queue_code(chat["id"])
    await desk.fetch(
        "INSERT INTO identity_codes (id, conversation_id, kind, value, code_hash, expires_at)"
        " SELECT code_id, conversation_id, 'email', 'alice@example.com', '', now() - interval '1 second' FROM outbox"
        " RETURNING 1"
    )
    await desk.deliver()
    assert await desk.count_states() == {"failed": 1}
    assert sender.sent == []


async def test_an_inbox_that_needs_sign_in_keeps_its_replies_however_long_it_takes(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, *[SignInNeeded("the token was revoked")] * 20, Receipt())
    for _ in range(20):
        await desk.deliver()
        await desk.fetch("UPDATE outbox SET ready_at = now() RETURNING 1")
    row = await desk.read()
    assert (row["state"], row["attempts"]) == ("queued", 0)
    (inbox,) = await desk.fetch("SELECT channel, inbox, send_problem FROM channel_cursors")
    assert tuple(inbox) == ("whatsapp", INBOX, "needs sign-in: the token was revoked")
    await desk.deliver()
    assert (await desk.read())["state"] == "sent"
    assert len(sender.sent) == 21
    assert await desk.fetch("SELECT 1 FROM notices") == []


async def test_an_inbox_that_is_blocked_waits_and_says_so(pool: DbPool) -> None:
    desk, _ = await open_desk(pool, *[InboxBlocked("the bill is not paid")] * 12, Receipt())
    for _ in range(12):
        await desk.deliver()
        row = await desk.read()
        assert (row["state"], row["attempts"], row["error"]) == ("queued", 0, "the bill is not paid")
        assert row["delay"] >= 899
        await desk.fetch("UPDATE outbox SET ready_at = now() RETURNING 1")
        await desk.fetch("DELETE FROM send_rates RETURNING 1")
    assert (await desk.fetch("SELECT send_problem FROM channel_cursors"))[0]["send_problem"] == "the bill is not paid"
    await desk.deliver()
    assert (await desk.read())["state"] == "sent"


async def test_what_keeps_an_inbox_from_sending_ends_with_the_next_send_whoever_polls_it(pool: DbPool) -> None:
    polled = (StubPoller(channel="whatsapp", inbox=INBOX),)
    desk, _ = await open_desk(pool, InboxBlocked("locked"), Receipt(), pollers=polled)
    await desk.deliver()
    await desk.fetch("UPDATE outbox SET ready_at = now() RETURNING 1")
    await desk.fetch("DELETE FROM send_rates RETURNING 1")
    await desk.deliver()
    assert (await desk.read())["state"] == "sent"
    assert (await desk.fetch("SELECT send_problem FROM channel_cursors"))[0]["send_problem"] is None


async def test_what_keeps_a_polled_inbox_from_being_read_is_not_ended_by_a_send(pool: DbPool) -> None:
    desk, _ = await open_desk(pool, Receipt(), pollers=(StubPoller(channel="whatsapp", inbox=INBOX),))
    async with pool.acquire() as conn:
        await note_problem(conn, "whatsapp", INBOX, "read", "it cannot be read")
    await desk.deliver()
    assert (await desk.fetch("SELECT read_problem FROM channel_cursors"))[0]["read_problem"] == "it cannot be read"


async def test_a_customer_who_said_stop_gets_nothing_until_they_say_start(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, Receipt())
    async with pool.acquire() as conn:
        await record_consent(conn, Consent("whatsapp", INBOX, PHONE, is_given=False))
    await desk.deliver()
    row = await desk.read()
    assert (row["state"], sender.sent) == ("failed", [])
    assert "STOP" in row["error"]
    (notice,) = await desk.fetch("SELECT kind FROM notices")
    assert notice["kind"] == "undelivered"
    async with pool.acquire() as conn:
        await record_consent(conn, Consent("whatsapp", INBOX, PHONE, is_given=True))
    await desk.fetch("DELETE FROM outbox RETURNING 1")
    (conversation,) = await desk.fetch("SELECT id FROM conversations")
    await desk.queue(conversation["id"])
    await desk.deliver()
    assert (await desk.read())["state"] == "sent"


async def test_the_next_reply_waits_for_the_report_on_the_last_or_a_moment(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, Receipt("wamid.1", hold_seconds=60), Receipt("wamid.2"))
    (conversation,) = await desk.fetch("SELECT id FROM conversations")
    await desk.queue(conversation["id"], "The second part.")
    assert await desk.deliver() == 1
    assert await desk.deliver() == 0
    async with pool.acquire() as conn:
        await outbox.apply_status(conn, "whatsapp", sender.sent[0].id, StatusUpdate("sent", vendor_id="wamid.1"))
    assert await desk.deliver() == 1
    assert [message.text for message in sender.sent] == ["Here is how.", "The second part."]


@pytest.mark.parametrize("text", ["NUL \x00", "half \ud83d", "x" * 1_000_000], ids=["NUL", "surrogate", "long"])
@pytest.mark.parametrize("permanent", [True, False])
async def test_whatever_a_vendor_says_is_recorded(pool: DbPool, text: str, *, permanent: bool) -> None:
    desk, _ = await open_desk(pool, DeliveryFailed(text, permanent=permanent))
    await desk.deliver()
    row = await desk.read()
    assert row["state"] == ("failed" if permanent else "queued")
    assert row["error"][:3] == text[:3]

"""Pausing and resuming the desk, so that nothing is sent twice after it was restored from a backup."""

from collections.abc import Sequence
from dataclasses import dataclass

from database import outbox
from database.notify import JOB_CHANNEL, OUTBOX_CHANNEL, WAKE_CHANNEL
from database.pool import Conn
from database.queries import desk_state, jobs

UNSENT = "it was unsent when the backup was taken, and may have been sent before the desk was restored"


@dataclass(frozen=True, slots=True)
class Resumed:
    """What resuming did. `doubted` replies are asked about at their vendors, or shown to a person."""

    was_restored: bool
    doubted: int


async def resume_desk(
    conn: Conn, *, repeatable_channels: Sequence[str], nothing_was_sent: bool = False
) -> Resumed | None:
    """Let the desk work again, in the caller's transaction; workers hear of it when that commits. None if it does.

    After a restore another desk may have gone on since the backup: replies that were unsent are in doubt, and messages
    from before go to a person. `nothing_was_sent` says that there was none, so they are sent and answered.
    """
    state = await desk_state.lock_pause(conn)
    if state is None:
        return None
    # What was in doubt before this move still is: the desk that moved may itself have been restored and never resumed.
    before = state.answered_before if nothing_was_sent else state.restored_at
    doubted = 0
    if before is not None:
        doubted = await outbox.doubt_older(conn, before, repeatable_channels, UNSENT)
        await jobs.give_up_older(conn, before, UNSENT)
    await desk_state.resume(conn, before)
    for channel in (WAKE_CHANNEL, OUTBOX_CHANNEL, JOB_CHANNEL):
        await conn.execute("SELECT pg_notify($1, '')", channel)
    return Resumed(was_restored=state.restored_at is not None, doubted=doubted)

"""`nightdesk learn`, as an operator meets it."""

from pathlib import Path

from database.pool import open_pool
from tests.agent.intents.test_learn import add_tickets
from tests.cli.command import assert_clear_error, run


async def test_a_person_says_what_a_ticket_is_about(database_url: str, tmp_path: Path) -> None:
    async with open_pool(database_url, application="test", max_size=2) as pool:
        await add_tickets(pool, count=1, intent="invoice", by="model")
        told = run("learn", "correct", "TF-0", "refund", database_url=database_url, folder=tmp_path)
        assert told.stdout == "TF-0 is about refund\n", told.stderr
        async with pool.acquire() as conn:
            row = await conn.fetchrow("SELECT intent, intent_trust, intent_by FROM tickets")
    assert row is not None
    assert tuple(row) == ("refund", None, "person")
    unknown = run("learn", "correct", "TF-0", "weather", database_url=database_url, folder=tmp_path)
    assert_clear_error(unknown, "there is no intent weather")
    nobody = run("learn", "correct", "TF-9", "refund", database_url=database_url, folder=tmp_path)
    assert_clear_error(nobody, "there is no ticket TF-9")

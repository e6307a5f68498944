"""`nightdesk learn`, as an operator meets it."""

import asyncio
from pathlib import Path

import pytest

from agent.intents.serve import hold_training
from database.pool import DbPool
from tests.agent.intents.desk import make_reader
from tests.agent.intents.test_learn import add_tickets
from tests.cli.command import assert_clear_error, run, run_cold


async def test_a_person_says_what_has_become_of_a_ticket(pool: DbPool, database_url: str, tmp_path: Path) -> None:
    await add_tickets(pool, count=1, intent="invoice", by="model")
    answer = tmp_path / "answer.txt"
    answer.write_text("Your parcel waits in the shop.\n")
    told = run_cold(
        *("learn", "label", "TF-0", "--intent", "refund", "--category", "orders", "--route", "account"),
        *("--answer-file", str(answer), "--rating", "4", "--resolved", "--comment", "Thanks"),
        database_url=database_url,
        folder=tmp_path,
    )
    assert told.stdout == "TF-0 is labelled\n", told.stderr
    async with pool.acquire() as conn:
        ticket = await conn.fetchrow("SELECT status, intent, intent_by, category, team FROM tickets")
        labels = await conn.fetch("SELECT kind, value, is_right, given_by FROM run_labels ORDER BY kind")
        rating = await conn.fetchrow("SELECT rating, is_resolved, comment FROM ticket_feedback")
        said = await conn.fetch("SELECT author, text FROM messages ORDER BY created_at DESC LIMIT 1")
    assert ticket is not None
    assert tuple(ticket) == ("closed", "refund", "person", "orders", "Account team")
    assert [tuple(label) for label in labels] == [
        ("category", "orders", None, "person"),
        ("intent", "refund", None, "person"),
        ("taken_over", "", False, "person"),
        ("team", "Account team", None, "person"),
    ], "the rating is of the person's answer"
    assert rating is not None
    assert tuple(rating) == (4, True, "Thanks")
    assert [tuple(message) for message in said] == [("person", "Your parcel waits in the shop.")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("TF-9", "--intent", "refund"), "there is no ticket TF-9"),
        (("TF-0", "--intent", "weather"), "there is no intent weather"),
        (("TF-0", "--category", "weather"), "there is no category weather"),
        (("TF-0", "--route", "kitchen"), "there is no escalation route kitchen"),
        (("TF-0", "--rating", "4"), "belong together"),
        (("TF-0", "--took-over", "--comment", "well"), "--comment belongs to a --rating"),
        (("TF-0", "--answer-file", "empty.txt"), "empty.txt is empty"),
        (("TF-0",), "nothing to say"),
    ],
)
async def test_what_cannot_be_said_of_a_ticket_ends_in_one_line_and_changes_nothing(
    pool: DbPool, database_url: str, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    await add_tickets(pool, count=1, intent="invoice", by="model")
    (tmp_path / "empty.txt").touch()
    assert_clear_error(run("learn", "label", *arguments, database_url=database_url, folder=tmp_path), expected)
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM run_labels") == 0
        assert await conn.fetchval("SELECT intent_by FROM tickets") == "model"


async def test_the_models_are_listed_with_what_training_measured(
    pool: DbPool, database_url: str, tmp_path: Path
) -> None:
    reader = make_reader(pool)
    await reader.train_if_missing()
    assert reader.classifier is not None
    measured = reader.classifier.measured
    assert 0.9 < measured["accuracy"] <= 1
    told = run("learn", "models", database_url=database_url, folder=tmp_path)
    assert told.returncode == 0, told.stderr
    head, line = told.stdout.splitlines()[-2:]
    assert "Accuracy" in head, told.stdout
    for shown in ("taxonomy", "yes", "288", f"{100 * measured['accuracy']:.1f} %", f"{100 * measured['ece']:.1f} %"):
        assert shown in line, told.stdout


async def test_who_learns_while_another_process_does_is_told_so(
    pool: DbPool, database_url: str, tmp_path: Path
) -> None:
    async with hold_training(pool):
        told = await asyncio.to_thread(
            run, "learn", database_url=database_url, folder=tmp_path, EMBEDDING_MODEL_DIR="nowhere"
        )
    assert_clear_error(told, "another process is training or learning at the moment")

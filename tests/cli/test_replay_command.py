"""`nightdesk replay`, as an operator meets it."""

import asyncio
import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cli.context import CommandError
from cli.replay import read_moment, show_difference
from core.settings import Settings
from database.pool import DbPool
from tests.agent.builders import make_agent
from tests.agent.knowledge.desk import make_document, store
from tests.cli.command import assert_clear_error, run, run_cold
from tests.emulators.openai.script import call, together
from tests.emulators.openai.server import serve_openai
from tests.workers.stubs import Desk

PERIOD = ("--from", "2000-01-01", "--to", "2100-01-01")
PROMPTS = Path(__file__).parents[2] / "agent" / "prompts"
PLAIN = "Select Forgot password on the sign-in page and follow the link that arrives by mail."
ANSWER = together(
    call("create_ticket", subject="Password", category="account", priority="low"),
    call("send_response", text=f"{PLAIN} [1]", citations=[1]),
)
MISSING_MODEL = {"EMBEDDING_MODEL_DIR": "nowhere"}  # words alone: this is about the command


@pytest.fixture
async def settled_url(pool: DbPool, database_url: str, tmp_path: Path) -> str:
    """A database without any knowledge, in which a question was answered when there was some."""
    desk = Desk(pool, Settings.model_construct(data_dir=tmp_path))
    desk.agent.think = make_agent().run_turn
    await desk.submit("How can I reset my forgotten password?")
    await desk.work()
    return database_url


def test_what_would_change_is_listed_and_counted(settled_url: str, tmp_path: Path) -> None:
    result = run_cold("replay", *PERIOD, database_url=settled_url, folder=tmp_path, **MISSING_MODEL)
    assert result.returncode == 0, result.stderr
    for expected in (
        *("TF-20261121-0001", "grounded_answer", "no_knowledge", "answer → hand over", "cost replayed"),
        "decided with another policy than then",
    ):
        assert expected in result.stdout
    printed = run("replay", *PERIOD, "--json", database_url=settled_url, folder=tmp_path, **MISSING_MODEL).stdout
    described = json.loads(printed)
    assert described["turns"] == 1
    assert described["kinds"] == {"unchanged": 0, "answer → hand_over": 1}
    (changed,) = described["changed"]
    assert changed["before"]["citations"] == ["login/reset.md"]
    assert changed["after"]["rule"] == "no_knowledge"


async def test_another_model_is_asked_with_other_prompts_and_what_it_would_cost_is_shown(
    pool: DbPool, database_url: str, tmp_path: Path
) -> None:
    await store(pool, "login/reset.md", make_document("Reset a forgotten password", PLAIN))
    desk = Desk(pool, Settings.model_construct(data_dir=tmp_path))
    desk.agent.think = make_agent().run_turn
    await desk.submit("How can I reset my forgotten password?")
    await desk.work()
    prompts = tmp_path / "prompts"
    shutil.copytree(PROMPTS, prompts, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with (prompts / "support.md").open("a") as file:
        file.write("\nBe as brief as a telegram.\n")
    async with serve_openai(ANSWER) as server:
        result = await asyncio.to_thread(
            run,
            *("replay", *PERIOD, "--json", "--model", "gpt-4o-mini", "--prompt", str(prompts)),
            database_url=database_url,
            folder=tmp_path,
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=server.url,
            **MISSING_MODEL,
        )
        asked = list(server.bodies)
    assert result.returncode == 0, result.stderr
    described = json.loads(result.stdout)
    assert (described["turns"], described["fallbacks"]) == (1, 0)
    assert {body["model"] for body in asked} == {"gpt-4o-mini"}
    assert "Be as brief as a telegram." in json.dumps(asked[0])
    (changed,) = described["changed"]
    assert changed["before"]["model"] == "offline"
    assert (changed["after"]["model"], changed["after"]["decision"]) == ("gpt-4o-mini", "answer")
    assert changed["after"]["citations"] == ["login/reset.md"]
    assert Decimal(described["cost_usd"]["before"]) == 0
    assert Decimal(described["cost_usd"]["after"]) > 0
    assert await desk.count("agent_runs") == await desk.count("outbox") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--from", "yesterday", "--to", "2026-11-21"), "--from: expected a date such as 2026-11-01, not 'yesterday'"),
        (("--from", "2026-11-22", "--to", "2026-11-21"), "--from must be before --to"),
        ((*PERIOD, "--model", "gpt-4o-mini"), "OPENAI_API_KEY is not set"),
        ((*PERIOD, "--prompt", "."), "OPENAI_API_KEY is not set"),
        ((*PERIOD, "--knowledge", "tomorrow"), "expected then or now"),
    ],
)
def test_what_cannot_be_replayed_ends_in_one_line(
    arguments: tuple[str, ...], expected: str, database_url: str, tmp_path: Path
) -> None:
    assert_clear_error(run("replay", *arguments, database_url=database_url, folder=tmp_path), expected)


def test_a_folder_without_prompts_is_named(database_url: str, tmp_path: Path) -> None:
    asked = run(
        "replay", *PERIOD, "--prompt", ".", database_url=database_url, folder=tmp_path, OPENAI_API_KEY="sk-test"
    )
    assert_clear_error(asked, "has no styles.yaml")


def test_a_day_ends_with_its_last_moment_and_times_are_utc_unless_they_say_else() -> None:
    assert read_moment("2026-11-21", "--from") == datetime(2026, 11, 21, tzinfo=UTC)
    assert read_moment("2026-11-21", "--to", is_end=True) == datetime(2026, 11, 22, tzinfo=UTC)
    assert read_moment("2026-11-21T10:30", "--to", is_end=True) == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
    assert read_moment("2026-11-21T10:30+02:00", "--from") == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    with pytest.raises(CommandError, match="--to"):
        read_moment("soon", "--to", is_end=True)


def test_replies_are_shown_from_where_they_part() -> None:
    before, after = show_difference("a b c d e old end", "a b c d e new end")
    assert (before, after) == ("… c d e old end", "… c d e new end")
    assert show_difference("", "all new") == ("–", "all new")
    assert len(show_difference("x " * 500, "y " * 500)[1]) == 100

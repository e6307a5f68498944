"""The command line as a user meets it: results on standard output, errors in one clear line with exit code 2."""

from pathlib import Path

import pytest

from database.pool import connect
from database.queries.api_keys import use_api_key
from tests.cli.command import assert_clear_error, run, run_cold


def test_help_names_every_command(tmp_path: Path) -> None:
    result = run_cold("--help", folder=tmp_path)
    assert result.returncode == 0
    for command in ("up", "api", "worker", "migrate", "ask", "kb", "key", "queue", "user", "bench", "eval"):
        assert f" {command} " in result.stdout


def test_migrate_says_what_it_applied_and_then_that_nothing_is_missing(
    server_url: str, tmp_path: Path, template_url: str
) -> None:
    url = template_url
    result = run_cold("migrate", database_url=url, folder=tmp_path)
    assert (result.returncode, result.stdout.strip()) == (0, "the database is up to date")


async def test_commands_pass_by_a_pooler_and_migrate_sees_to_the_sessions_behind_it(
    database_url: str, tmp_path: Path
) -> None:
    pooler = "postgresql://127.0.0.1:1/none"
    result = run("migrate", database_url=pooler, folder=tmp_path, DATABASE_LISTENER_URL=database_url)
    assert (result.returncode, result.stdout.strip()) == (0, "the database is up to date")
    assert (
        run("queue", "stats", database_url=pooler, folder=tmp_path, DATABASE_LISTENER_URL=database_url).returncode == 0
    )
    conn = await connect(database_url, application="test")
    defaults = await conn.fetchval(
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE d.datname = current_database() AND s.setrole = current_user::regrole"
    )
    assert {"statement_timeout=10s", "idle_in_transaction_session_timeout=10s", "jit=off"} <= set(defaults)
    await conn.close()


async def test_ask_prints_reply_citations_decision_and_timings(knowledge_url: str, tmp_path: Path) -> None:
    result = run_cold("ask", "How do I reset my forgotten password?", database_url=knowledge_url, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    for expected in ("Answered", "[1]", "login/reset-a-forgotten-password", "grounded_answer", "Timings", "agent"):
        assert expected in result.stdout
    conn = await connect(knowledge_url, application="test")
    assert await conn.fetchval("SELECT state FROM outbox") == "sent"
    await conn.close()


async def test_ask_shows_who_gets_what_must_go_to_a_person(knowledge_url: str, tmp_path: Path) -> None:
    question = "My lawyer will sue you over this contract"
    result = run("ask", question, "--channel", "whatsapp", database_url=knowledge_url, folder=tmp_path)
    assert "Handed over to the Legal team" in result.stdout
    assert "legal_threat" in result.stdout


async def test_kb_add_loads_files_and_names_the_damaged_one(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("# Good\n\nText.")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    result = run_cold("kb", "add", ".", database_url=database_url, folder=tmp_path)
    assert_clear_error(result, "bad.txt: cannot be read")
    assert "1 documents loaded (1 passages), 0 unchanged, 1 left out" in result.stdout


async def test_a_created_key_is_shown_once_and_works(database_url: str, tmp_path: Path) -> None:
    result = run_cold(
        "key", "create", "reporting", "--scope", "customers:read", database_url=database_url, folder=tmp_path
    )
    key = result.stdout.strip()
    assert key.startswith("nd_")
    conn = await connect(database_url, application="test")
    holder = await use_api_key(conn, key)
    await conn.close()
    assert holder is not None
    assert holder.scopes == {"customers:read"}


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        (("migrate",), {"WORKER_CONCURRENCY": "lots"}, "WORKER_CONCURRENCY: "),
        (("migrate",), {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "check DATABASE_URL"),
        (("migrate",), {"DATABASE_URL": "postgresql://127.0.0.1:1,127.0.0.1:2/none"}, "check DATABASE_URL"),
        (("migrate",), {"DATABASE_LISTENER_URL": "postgresql://127.0.0.1:1/none"}, "DATABASE_URL: "),
        (("migrate",), {"DATABASE_URL": "postgresql://a,,b/none"}, "DATABASE_URL: expected hosts"),
        (("kb", "add", "nowhere.md"), {}, "nowhere.md: no such file"),
        (("ask", "   "), {}, "the question is empty"),
        (("ask", "hello", "--channel", "fax"), {}, "unknown channel fax"),
        (("key", "create", "x", "--scope", "everything"), {}, "unknown scope everything"),
        (("key", "create", "x", "--scope", "admin", "--tier", "free"), {}, "unknown tier free"),
        (("user", "create", "--email", "ada", "--role", "admin"), {}, "ada is not an e-mail address"),
        (("user", "create", "--email", "a@example.com", "--role", "owner"), {}, "unknown role owner"),
        (("up",), {"API_HOST": "203.0.113.1"}, "cannot be used"),
        (("frobnicate",), {}, "No such command"),
        (("api",), {"ENVIRONMENT": "production"}, "SECRET_KEY: expected"),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_clear_line(
    arguments: tuple[str, ...], variables: dict[str, str], expected: str, tmp_path: Path
) -> None:
    assert_clear_error(run(*arguments, folder=tmp_path, **variables), expected)


def test_a_database_without_tables_asks_for_migrate(server_url: str, tmp_path: Path) -> None:
    result = run("key", "create", "x", "--scope", "admin", database_url=server_url, folder=tmp_path)
    assert_clear_error(result, "run `nightdesk migrate` first")

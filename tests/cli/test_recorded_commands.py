"""What an operator does and looks at from the command line is in the audit log."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from database.pool import DbConnection, connect
from database.queries import sources
from database.types import Source
from tests.cli.command import run
from tests.cli.test_queue_command import bury
from tests.database.builders import open_conversation

REF = "TF-20261121-0001"
PASSWORD = "seven otters at breakfast"


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


class Operator:
    """Runs commands, and reads what is recorded of them."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._url = database_url
        self._folder = folder

    def do(self, *arguments: object, stdin: str = "") -> str:
        """A command that succeeds; what it prints."""
        done = run(*map(str, arguments), database_url=self._url, folder=self._folder, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read_log(self) -> list[dict[str, Any]]:
        """The entries, oldest first; the log is whole."""
        assert "none changed, none missing" in self.do("audit", "verify")
        listed = self.do("audit", "list", "--json")
        entries: list[dict[str, Any]] = json.loads(listed) if listed.startswith("[") else []
        assert {(entry["actor_kind"], entry["actor_id"]) for entry in entries} <= {("operator", None)}
        return entries[::-1]

    def read_actions(self) -> list[tuple[str, str | None]]:
        """What was done to which object."""
        return [(entry["action"], entry["object_id"]) for entry in self.read_log()]


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    return Operator(database_url, tmp_path)


async def test_accounts_and_keys(operator: Operator, desk: DbConnection) -> None:
    email = "ann@example.com"
    new = ("user", "create", "--email", email, "--role", "agent", "--password-stdin")
    operator.do(*new, stdin=PASSWORD)
    operator.do("user", "disable", email)
    operator.do("user", "enable", email)
    operator.do("user", "password", email, "--password-stdin", stdin="nine herons before noon")
    operator.do("user", "rotate-keys")
    operator.do("user", "list")
    user, signer = [
        str(await desk.fetchval(f"SELECT id FROM {table} ORDER BY created_at DESC"))
        for table in ("users", "signing_keys")
    ]
    operator.do("key", "create", "robot", "--scope", "tickets:read", "--days", 7)
    key: UUID = await desk.fetchval("SELECT id FROM api_keys")
    operator.do("key", "revoke", key)
    assert operator.read_actions() == [
        ("user.opened", user),
        ("user.changed", user),
        ("user.changed", user),
        ("user.password_changed", user),
        ("signing_key.renewed", signer),
        ("key.made", str(key)),
        ("key.revoked", str(key)),
    ]
    opened, disabled, *_, made, _ = operator.read_log()
    assert (opened["before"], opened["after"]) == (None, {"role": "agent", "is_disabled": False, "customer": None})
    assert (disabled["before"]["is_disabled"], disabled["after"]["is_disabled"]) == (False, True)
    assert made["after"] == {"scopes": ["tickets:read"], "tier": "standard", "days": 7}


async def test_dead_letters_and_sources(operator: Operator, desk: DbConnection) -> None:
    letters = [await bury(desk, contact) for contact in ("alice", "bob")]
    mail = Source("mailbox", "support@example.com", "1", b"From: alice@example.com")
    source = await sources.keep_source(desk, mail, origin="imap", state="stored")
    operator.do("queue", "list")
    operator.do("queue", "show", letters[0])
    operator.do("queue", "retry", letters[0])
    operator.do("queue", "discard", "--all")
    operator.do("queue", "show-source", source)
    assert operator.read_actions() == [
        ("dead_letter.read", str(letters[0])),
        ("dead_letter.retried", str(letters[0])),
        ("dead_letter.discarded", str(letters[1])),
        ("source.read", str(source)),
    ]


async def test_customers_tickets_and_retention(operator: Operator, desk: DbConnection) -> None:
    await open_conversation(desk, REF)
    customer = str(await desk.fetchval("SELECT id FROM customers"))
    operator.do("learn", "label", REF, "--intent", "refund", "--rating", 1, "--not-resolved", "--comment", "No!")
    operator.do("retention", "run", "--dry-run")
    operator.do("retention", "run")
    operator.do("customer", "export", "alice@example.com", "--out", "alice.json")
    operator.do("customer", "erase", "alice@example.com", "--yes")
    assert operator.read_actions() == [
        ("ticket.labelled", REF),
        ("retention.run", None),
        ("customer.exported", customer),
        ("customer.erasure_begun", customer),
        ("customer.erased", customer),
    ]
    labelled, swept, *_, erased = operator.read_log()
    assert labelled["after"] == {"intent": "refund", "rating": 1, "resolved": False}
    assert swept["after"]["rows_dead_letters"] == 0
    assert (erased["after"]["rows_customers"], len(erased["after"]["subjects"])) == (1, 1)


async def test_knowledge(operator: Operator, desk: DbConnection, tmp_path: Path) -> None:
    (tmp_path / "hours.md").write_text("---\nstatus: draft\n---\n# Opening hours\n\nWe are open on Monday.\n")
    for _ in range(2):
        operator.do("kb", "add", "hours.md")
    article, revision = await desk.fetchrow("SELECT article_id, id FROM knowledge_revisions") or (None, None)
    for command in ("publish", "publish", "unpublish"):
        operator.do("kb", command, "hours.md")
    assert operator.read_actions() == [
        (action, str(article)) for action in ("article.loaded", "article.published", "article.unpublished")
    ]
    loaded, published, _ = operator.read_log()
    assert (loaded["after"], published["after"]) == ({"is_draft": True}, {"revision": str(revision)})

"""What KEDA asks the database: the right number, through an index, as a role that may ask nothing else."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from database.pool import DbConnection, connect
from database.statements import Statement
from tests.database.plans import explain, list_indexes, list_sequential_scans
from tests.deploy.manifests import ROOT, find

GUIDE = (ROOT / "docs" / "deploy" / "kubernetes.md").read_text()
QUERY: str = find("ScaledObject/worker")["spec"]["triggers"][0]["metadata"]["query"]
# Threads that are idle, wait, are put off, and have a worker; the leases of the last run until later.
THREADS = """
INSERT INTO queue_threads (id, channel, inbox, contact, last_seq, done_seq, ready_at, leased_by, lease_token)
SELECT md5(state || n)::uuid, 'web', 'form', state || n, 1, CASE WHEN state = 'idle' THEN 1 ELSE 0 END,
       CASE state WHEN 'waiting' THEN now() - interval '1 minute' WHEN 'idle' THEN NULL
                  ELSE now() + interval '1 minute' END,
       CASE state WHEN 'leased' THEN md5('worker')::uuid END, CASE state WHEN 'leased' THEN md5('token' || n)::uuid END
  FROM (VALUES ('idle', 20000), ('waiting', 7), ('delayed', 5), ('leased', 3)) AS s (state, count)
 CROSS JOIN LATERAL generate_series(1, count) n
"""


@pytest.fixture
async def queue(database_url: str) -> AsyncIterator[DbConnection]:
    """A connection to a desk that has answered much and has a little to do."""
    conn = await connect(database_url, application="test")
    await conn.execute(THREADS)
    await conn.execute("VACUUM ANALYZE queue_threads")
    yield conn
    await conn.close()


@pytest.fixture
async def role(queue: DbConnection) -> AsyncIterator[str]:
    """The role that the guide makes, under a name of this test's own, since roles belong to the whole server."""
    name = f"queue_reader_{uuid4().hex[:12]}"
    made = re.findall(r"^ +(?:CREATE ROLE|GRANT) .*queue_reader.*;$", GUIDE, re.MULTILINE)
    await queue.execute("\n".join(made).replace("queue_reader", name))
    yield name
    await queue.execute("RESET ROLE")
    await queue.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_the_number_is_that_of_the_threads_that_need_a_worker(queue: DbConnection) -> None:
    assert await queue.fetchval(QUERY) == 7 + 3


async def test_a_paused_desk_needs_no_more_workers_for_what_waits(queue: DbConnection) -> None:
    await queue.execute("UPDATE desk_state SET paused_at = now(), reason = 'moving'")
    assert await queue.fetchval(QUERY) == 0


async def test_the_question_is_answered_from_the_index_of_what_is_not_idle(queue: DbConnection) -> None:
    plan = await explain(queue, Statement("queue_depth", QUERY, ()))
    assert list_indexes(plan) - {"desk_state_pkey"} == {"queue_threads_ready"}
    assert list_sequential_scans(plan) <= {"desk_state"}, "one row"


async def test_the_role_can_count_the_queue_and_read_nothing_else(queue: DbConnection, role: str) -> None:
    await queue.execute(f"SET ROLE {role}")
    assert await queue.fetchval(QUERY) == 7 + 3
    for refused in (
        "SELECT contact FROM queue_threads",
        "SELECT payload FROM message_queue",
        "SELECT reason FROM desk_state",
        "SELECT name FROM customers",
        "DELETE FROM queue_threads",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await queue.execute(refused)

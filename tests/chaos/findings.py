"""What the database and the journal say at the end, held against what was accepted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from database.pool import DbPool
from tests.chaos.lives import BORN, HANDED_OVER
from tests.chaos.orders import read_journal
from tests.chaos.traffic import Traffic, read_names

_SAID = """
SELECT c.thread_id, m.author, m.text FROM messages m JOIN conversations c ON c.id = m.conversation_id
 ORDER BY m.created_at, m.id"""
_UNSETTLED = """
SELECT count(*) FROM queue_threads
 WHERE done_seq <> last_seq OR ready_at IS NOT NULL OR lease_token IS NOT NULL OR attempts <> 0"""
# Each answered run with the one before it, and the thread's last message.
_RUNS = """
SELECT c.thread_id, r.through_seq, t.last_seq FROM agent_runs r
  JOIN conversations c ON c.id = r.conversation_id JOIN queue_threads t ON t.id = c.thread_id
 WHERE r.outcome = 'answered' ORDER BY r.created_at, r.id"""
_TAKEN_OVER = """
SELECT thread_id, worker, extract(epoch FROM failed_at)::float8 AS at FROM queue_failures
 WHERE error_class = 'LeaseExpired'"""


@dataclass(frozen=True, slots=True)
class Findings:
    """`lost` and `doubled` name messages, or replies where these were sent twice."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


async def compare(pool: DbPool, traffic: Traffic, journal: Path) -> Findings:
    """Hold every accepted message against what is stored, what is answered and what was sent."""
    findings = Findings()
    stored: dict[object, list[str]] = defaultdict(list)
    answered: dict[object, list[str]] = defaultdict(list)
    for row in await pool.fetch(_SAID):
        said = stored if row["author"] == "customer" else answered
        said[row["thread_id"]] += read_names(row["text"])
    for messages in filter(None, traffic.accepted):
        thread_id, names = messages[0].thread_id, [message.text for message in messages]
        for found in (stored[thread_id], answered[thread_id]):
            findings.lost.extend(set(names) - set(found))
            findings.doubled.extend(_find_doubled(found))
            assert set(found) <= set(names), "nothing is there that was not accepted"
            if not findings.lost and not findings.doubled:
                assert found == names, "a thread keeps its order"
    sent = [line["reply"] for line in read_journal(journal, HANDED_OVER) if line["channel"] != "web"]
    findings.doubled.extend(_find_doubled(sent))
    return findings


async def is_drained(pool: DbPool) -> bool:
    """Whether no thread and no reply waits."""
    threads = await pool.fetchval("SELECT count(*) FROM queue_threads WHERE ready_at IS NOT NULL")
    replies = await pool.fetchval("SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')")
    return bool(threads == replies == 0)


async def assert_everything_is_settled(pool: DbPool) -> None:
    """No thread waits, no turn was written twice, and every reply has its run, its figures and its delivery."""
    assert await pool.fetchval(_UNSETTLED) == 0
    through: dict[object, int] = {}
    last: dict[object, int] = {}
    for row in await pool.fetch(_RUNS):
        assert row["through_seq"] > through.get(row["thread_id"], 0), "two replies for one message"
        through[row["thread_id"]] = row["through_seq"]
        last[row["thread_id"]] = row["last_seq"]
    assert through == last
    replies = await pool.fetchval("SELECT count(*) FROM messages WHERE author <> 'customer'")
    answers = await pool.fetchval("SELECT count(*) FROM messages WHERE author = 'assistant'")
    answered_runs = await pool.fetchval("SELECT count(*) FROM agent_runs WHERE outcome = 'answered'")
    other_runs = await pool.fetchval("SELECT count(*) FROM agent_runs WHERE outcome NOT IN ('answered', 'superseded')")
    figures = await pool.fetchval("SELECT count(*) FROM agent_metrics")
    deliveries = await pool.fetchval("SELECT count(*) FROM outbox")
    assert replies == answers == answered_runs == figures == deliveries
    assert other_runs == await pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def assert_deliveries_agree(pool: DbPool, journal: Path) -> None:
    """What the desk believes of every delivery is what the vendor knows, or it says that it does not know."""
    handed_over = {line["reply"] for line in read_journal(journal, HANDED_OVER)}
    rows = await pool.fetch("SELECT id, channel, state FROM outbox ORDER BY created_at")
    assert {row["state"] for row in rows} <= {"sent", "unknown"}
    assert {str(row["id"]) for row in rows if row["state"] == "sent"} <= handed_over
    doubted = [row for row in rows if row["state"] == "unknown"]
    assert not [row for row in doubted if row["channel"] == "web"]
    assert len(doubted) < len(rows) / 2, "only what was under way when its worker died is in doubt"
    order = {str(row["id"]): place for place, row in enumerate(rows)}
    sent: dict[str, list[int]] = defaultdict(list)
    for line in read_journal(journal, HANDED_OVER):
        sent[line["conversation"]].append(order[line["reply"]])
    assert all(places == sorted(places) for places in sent.values()), "the replies of a thread go out in order"


async def measure_recoveries(pool: DbPool, journal: Path, killed_at: Mapping[int, float]) -> list[float]:
    """Seconds from each kill to the claim that took over a thread of the dead, for every such thread.

    `killed_at` has the processes that did not kill themselves. The claim notes whose lease it found expired: the
    process or, where that died before its first heartbeat, the worker.
    """
    pids = {line["worker"]: line["pid"] for line in read_journal(journal, BORN)}
    killed_at = {**killed_at, **{line["pid"]: line["at"] for line in read_journal(journal, "struck")}}
    recoveries = []
    for row in await pool.fetch(_TAKEN_OVER):
        pid = pids.get(row["worker"]) or int(row["worker"].rpartition(":")[2])
        if pid in killed_at:
            recoveries.append(row["at"] - killed_at[pid])
    return recoveries


def _find_doubled(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]

"""How long what is kept: every table is in one class of data, with a rule and a setting, or is kept for a reason."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from core.settings import RetentionSettings
from database.pool import Conn
from database.queries import jobs, sessions, sign_ins
from database.queries.erasures import erase_thread
from database.statements import load_statements

_SQL = load_statements("retention")


@dataclass(frozen=True, slots=True)
class DataClass:
    """Tables whose rows leave by one rule, so many days after what the rule says.

    `setting` is the field of RetentionSettings, or None where the rule has its own times. `delete` deletes one batch of
    `batch_rows` at most, a few milliseconds each, so that nobody waits for a lock; the statements have the number too.
    A costly one looks at every row there is.
    """

    name: str
    setting: str | None
    rule: str
    tables: frozenset[str]
    delete: Callable[[Conn, int], Awaitable[int]]
    batch_rows: int = 1_000
    is_costly: bool = False

    def read_days(self, retention: RetentionSettings) -> int | None:
        """How many days its rows are kept; 0 is for ever, None as long as the rule says."""
        return None if self.setting is None else getattr(retention, self.setting)


async def _delete_sources(conn: Conn, days: int) -> int:
    deleted: int = await _SQL["delete_sources"].fetch_value(conn, days=days)
    return deleted


async def _delete_finished(conn: Conn, days: int) -> int:
    """With them goes the memory of their external ids: a redelivery that comes later than this is a new message."""
    deleted: int = await _SQL["delete_finished"].fetch_value(conn, days=days)
    return deleted


async def _delete_failures(conn: Conn, days: int) -> int:
    deleted: int = await _SQL["delete_failures"].fetch_value(conn, days=days)
    return deleted


async def _delete_letters(conn: Conn, days: int) -> int:
    deleted: int = await _SQL["delete_settled_dead_letters"].fetch_value(conn, days=days)
    return deleted


async def _delete_orphans(conn: Conn, days: int) -> int:
    deleted: int = await _SQL["delete_orphans"].fetch_value(conn, days=days)
    return deleted


async def _delete_names(conn: Conn, days: int) -> int:
    deleted: int = await _SQL["delete_thread_keys"].fetch_value(conn, days=days)
    return deleted


async def _delete_codes(conn: Conn, days: int) -> int:
    deleted: int = await _SQL["delete_codes"].fetch_value(conn, days=days)
    return deleted


async def _strip_runs(conn: Conn, days: int) -> int:
    stripped: int = await _SQL["strip_runs"].fetch_value(conn, days=days)
    return stripped


async def _erase_ended(conn: Conn, days: int) -> int:
    """Each in a transaction of its own: a conversation has rows in twenty tables."""
    erased = 0
    for row in await _SQL["list_ended"].fetch(conn, days=days):
        async with conn.transaction():
            erased += bool(await erase_thread(conn, row["thread_id"], only_asleep=True))
    return erased


async def _delete_sessions(conn: Conn, _days: int) -> int:
    return await sessions.delete_old_sessions(conn)


async def _delete_tries(conn: Conn, _days: int) -> int:
    return await sign_ins.delete_old_tries(conn)


async def _delete_jobs(conn: Conn, _days: int) -> int:
    return await jobs.delete_old(conn)


DATA_CLASSES = (
    DataClass(
        "sources",
        "source_days",
        "mails and webhooks as they arrived, after their arrival; what is not fetched yet stays",
        frozenset({"message_sources"}),
        _delete_sources,
    ),
    DataClass(
        "queue",
        "queue_days",
        "finished messages of the queue, after their arrival; those of an open dead letter stay",
        frozenset({"message_queue"}),
        _delete_finished,
    ),
    DataClass(
        "failures",
        "queue_days",
        "failed attempts at turns that succeeded in the end",
        frozenset({"queue_failures"}),
        _delete_failures,
    ),
    DataClass(
        "dead letters",
        "dead_letter_days",
        "dead letters, after a person has retried or discarded them",
        frozenset({"dead_letters"}),
        _delete_letters,
    ),
    DataClass(
        "contents",
        "queue_days",
        "contents of files that no message has; the others go with their conversation",
        frozenset({"attachments"}),
        _delete_orphans,
        is_costly=True,
    ),
    DataClass(
        "thread names",
        "thread_name_days",
        "names under which a thread of mail is known, after the last use; numbers of WhatsApp stay with their thread",
        frozenset({"thread_keys"}),
        _delete_names,
    ),
    DataClass(
        "codes",
        "code_days",
        "one-time codes, after they were sent",
        frozenset({"identity_codes"}),
        _delete_codes,
    ),
    DataClass(
        "traces",
        "trace_days",
        "what the agent was shown, wrote and had its tools do; its decision and figures stay with the conversation",
        frozenset({"model_calls", "tool_calls"}),
        _strip_runs,
    ),
    DataClass(
        "conversations",
        "conversation_days",
        "conversations whose ticket has ended, with everything that hangs on them, and customers who have no other",
        frozenset(
            {
                "agent_runs",
                "conversations",
                "customer_facts",
                "customer_identifiers",
                "customers",
                "learned_tickets",
                "message_attachments",
                "messages",
                "notices",
                "outbox",
                "queue_threads",
                "run_labels",
                "ticket_feedback",
                "ticket_notes",
                "tickets",
            }
        ),
        _erase_ended,
        batch_rows=100,
    ),
    DataClass("sessions", None, "signed-in sessions, when they are over", frozenset({"sessions"}), _delete_sessions),
    DataClass("tries to sign in", None, "a day after the last", frozenset({"sign_in_tries"}), _delete_tries),
    DataClass(
        "jobs",
        None,
        "a question to the knowledge after minutes, a test message after a day, an upload after thirty",
        frozenset({"jobs"}),
        _delete_jobs,
    ),
)

_KNOWLEDGE = "what the desk knows, until a person removes it; what was learned from a ticket goes with the ticket"
_SET_UP = "the desk's own set-up"
_NOBODY = "hashes and figures, which tell nothing of a person"
KEPT: Mapping[str, str] = {
    "agent_metrics": _NOBODY,
    "api_keys": _SET_UP,
    "audit_head": "the end of the audit log",
    "audit_log": "who did what, with nothing of what customers wrote; a chain that lost a link would prove nothing",
    "channel_configs": _SET_UP,
    "channel_cursors": _SET_UP,
    "channel_figures": _NOBODY,
    "channel_figures_frozen": _NOBODY,
    "channel_figures_horizon": _NOBODY,
    "channel_figures_stale": _NOBODY,
    "decision_thresholds": _NOBODY,
    "desk_state": "whether the desk is paused",
    "erased_messages": "hashes, so that what was erased does not come back",
    "erasures": "the certificates, with nothing personal in them",
    "escalation_routes": _SET_UP,
    "intent_models": "the newest five; those that an erased ticket has taught go at once",
    "knowledge_articles": _KNOWLEDGE,
    "knowledge_base": _KNOWLEDGE,
    "knowledge_hints": _KNOWLEDGE,
    "knowledge_models": _KNOWLEDGE,
    "knowledge_revisions": _KNOWLEDGE,
    "knowledge_terms": _KNOWLEDGE,
    "knowledge_texts": _KNOWLEDGE,
    "knowledge_vectors": _KNOWLEDGE,
    "knowledge_versions": _KNOWLEDGE,
    "learnings": _NOBODY,
    "opt_outs": "hashes of addresses that must not be written to, also after an erasure",
    "rate_limits": "hashes; each leaves when its bucket is full again, within minutes",
    "schema_migrations": _SET_UP,
    "send_rates": _SET_UP,
    "signing_keys": _SET_UP,
    "ticket_days": _NOBODY,
    "users": "accounts, until they are removed; a customer's goes with the customer",
    "workers": "forgotten soon after they fall silent",
}


async def sweep(conn: Conn, data: DataClass, retention: RetentionSettings, *, max_batches: int) -> int:
    """Delete what is over its time, so many batches at most. Returns how many rows of the class there were."""
    days = data.read_days(retention)
    total = 0
    for _ in range(0 if days == 0 else max_batches):
        deleted = await data.delete(conn, days or 0)
        total += deleted
        if deleted < data.batch_rows:
            break
    return total

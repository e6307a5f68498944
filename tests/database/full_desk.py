"""A desk with something in every corner that a backup could lose."""

from asyncpg import Record

from core.ids import new_id
from database import queue
from database.pool import Conn, DbConnection, connect
from database.queries import attachments, sources
from database.queries.audit import record
from database.types import OPERATOR, Attachment, Source
from tests.database.builders import make_message, open_conversation, publish_texts, queue_reply

SECRET = "s" * 40
FILE = bytes(range(256)) * 9
# Each is changed by one character, and each in a column of another type.
CHANGES = {
    "attachments": "UPDATE attachments SET content = set_byte(content, 700, 1)",
    "knowledge_vectors": "UPDATE knowledge_vectors SET small = (replace(small::text, '0.25', '0.2502'))::halfvec",
    "message_queue": """UPDATE message_queue SET payload = jsonb_set(payload, '{text}', '"How do I export my date?"')
                         WHERE payload ->> 'text' = 'How do I export my data?'""",
    "messages": "UPDATE messages SET created_at = created_at + interval '1 microsecond'",
    "conversations": "UPDATE conversations SET sentiment = 0.50000006",
    "users": "UPDATE users SET name = name || ' '",
}


async def fill(url: str) -> None:
    """Messages that wait, one that was answered, its reply, files, vectors, sources, accounts, an audit log."""
    conn = await connect(url, application="test")
    try:
        await _fill(conn)
    finally:
        await conn.close()


async def read_sums(conn: Conn) -> list[Record]:
    """Rows and checksum of every table that is backed up."""
    return await conn.fetch("SELECT t::text AS name, s.* FROM list_kept_tables() t, sum_table(t) s ORDER BY 1")


async def _fill(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-1", channel="whatsapp", inbox="+15550100")
    message_id = await queue_reply(
        conn, conversation_id, "Ça va\t“yes” \\N 'x'\n", channel="whatsapp", inbox="+15550100"
    )
    await publish_texts(conn, "TF-2", "How do I export my data?", "And import it?")
    await conn.execute("INSERT INTO attachments (digest, content) VALUES (sha256($1), $1)", FILE)
    digest = await conn.fetchval("SELECT encode(sha256($1), 'hex')", FILE)
    kept = Attachment(name="a.bin", content_type="application/octet-stream", size=len(FILE), digest=digest)
    await attachments.add_attachments(conn, message_id, [kept])
    await conn.execute(
        "INSERT INTO knowledge_vectors (hash, model, small)"
        " SELECT sha256('x'), 'test', array_fill(0.25, ARRAY[384])::halfvec"
    )
    await conn.execute("UPDATE conversations SET sentiment = 0.5")
    source = Source("gmail", "support@example.com", "mail-1", b"\x00\xff", {"thread": "t"})
    await sources.keep_source(conn, source, origin="poll", state="stored", reason=None)
    await conn.execute(
        "INSERT INTO users (id, email, name, role, password_hash) VALUES ($1, 'ann@example.com', 'Ann', 'admin', 'x')",
        new_id(),
    )
    await conn.execute("INSERT INTO rate_limits (key, full_at) VALUES ($1, now())", new_id())
    for action in ("key.made", "key.revoked"):
        await record(conn, SECRET, actor=OPERATOR, action=action, object_kind="key", object_id=new_id())
    await queue.publish(conn, make_message("TF-3"))

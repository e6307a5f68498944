"""Conversations whose customers prove who they are, for the tests."""

from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.proof import Post
from database.queries import customers, identities
from database.types import ConversationId, CustomerId, Identity

ADDRESS = "alice@example.com"
INBOX = "+15550100"
SECRET = "s" * 32
POST = Post("gmail", "support@example.com", "Example")
CODE = "123456"


async def give_code(conn: Conn, conversation_id: ConversationId, email: str = ADDRESS, code: str = CODE) -> UUID:
    """A code that is on its way to the address."""
    code_id = new_id()
    await identities.add_code(conn, SECRET, conversation_id, email, code_id=code_id, code=code)
    return code_id


async def prove(conn: Conn, conversation_id: ConversationId, email: str = ADDRESS) -> CustomerId:
    """The customer of this conversation after it has proven the address."""
    await give_code(conn, conversation_id, email)
    proven = await identities.confirm_code(conn, SECRET, conversation_id, CODE)
    assert proven is not None
    assert (proven.kind, proven.value) == ("email", email)
    return proven.customer_id


async def read_owner(conn: Conn, conversation_id: ConversationId) -> tuple[CustomerId, str]:
    row = await conn.fetchrow("SELECT customer_id, identity_level FROM conversations WHERE id = $1", conversation_id)
    assert row is not None
    return row["customer_id"], row["identity_level"]


async def be_proven_by(conn: Conn, conversation_id: ConversationId, number: str) -> CustomerId:
    """The conversation is one on WhatsApp, whose number the channel vouches for."""
    identity = Identity(kind="whatsapp", value=number, level="proven")
    customer_id = await customers.resolve_customer(conn, identity)
    await conn.execute(
        "UPDATE conversations SET customer_id = $1, identity_level = 'proven' WHERE id = $2",
        customer_id,
        conversation_id,
    )
    return customer_id


async def make_older(conn: Conn, seconds: float) -> None:
    await conn.execute(
        "UPDATE identity_codes SET created_at = created_at - make_interval(secs => $1::float8), "
        "expires_at = expires_at - make_interval(secs => $1::float8)",
        seconds,
    )


async def be_new(conn: Conn) -> CustomerId:
    return await customers.add_stranger(conn)

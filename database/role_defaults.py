"""The settings of sessions that nobody can tell them: those behind a pooler in transaction mode.

They become defaults of our role in our database, so that the server itself gives them to every session it opens.
"""

from database.connection import limit_session
from database.pool import Conn

_LOCK_KEY = 0x6E64_7264  # "ndrd": two that write the same defaults at once would fail each other


async def write_role_defaults(conn: Conn, *, statement_timeout_seconds: int) -> None:
    """Make them the defaults of whoever is connected, who needs no special right for it. Sessions that are open stay.

    Sessions that we open at the server itself are not affected: they set all of these.
    """
    settings = limit_session(statement_timeout_seconds)
    await conn.fetchval("SELECT '[0]'::vector")  # loads the extension, whose settings nobody but a superuser may guess
    known = await conn.fetch("SELECT name FROM pg_settings WHERE name = ANY ($1)", list(settings))
    database = await conn.fetchval("SELECT quote_ident(current_database())")
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
        for (name,) in known:  # an older pgvector has not all of them
            await conn.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{settings[name]}'")

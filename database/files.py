"""Where the content of attachments is kept: by its SHA-256, so that putting it again changes nothing."""

from hashlib import sha256
from typing import Protocol

from database.pool import DbPool
from database.statements import load_statements

_SQL = load_statements("files")


class FileStore(Protocol):
    """Keeps contents under their digests, the SHA-256 in hexadecimal. An object store can stand in for Postgres."""

    async def put(self, content: bytes) -> str:
        """Keep it, and return its digest once it is durable."""
        ...

    async def get(self, digest: str) -> bytes | None:
        """The content, or None if there is none of this digest."""
        ...


class PostgresFiles:
    """Contents in the table `attachments`."""

    def __init__(self, pool: DbPool) -> None:
        self._pool = pool

    async def put(self, content: bytes) -> str:
        """In a transaction of its own: what is put before a message that then is not stored, retention removes."""
        digest = sha256(content)
        async with self._pool.acquire() as conn:
            await _SQL["put"].execute(conn, digest=digest.digest(), content=content)
        return digest.hexdigest()

    async def get(self, digest: str) -> bytes | None:
        """One primary-key read."""
        async with self._pool.acquire() as conn:
            content: bytes | None = await _SQL["get"].fetch_value(conn, digest=bytes.fromhex(digest))
        return content

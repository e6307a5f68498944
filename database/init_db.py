"""One-command database set-up: `python -m database.init_db postgresql://…`.

The same as `nightdesk migrate`, for machines that have only this package and a URL.
"""

import asyncio
import os
import sys

from core.stopping import run_until_terminated
from database.migrate import Tell, migrate
from database.pool import connect


async def init_db(url: str, *, tell: Tell = lambda _: None) -> list[str]:
    """Bring the database at `url` to the newest schema; returns the migrations that were missing."""
    conn = await connect(url, application="nightdesk migrate")
    try:
        return await migrate(conn, tell=tell)
    finally:
        await conn.close()


def main() -> int:
    """Take the URL from the arguments or from DATABASE_URL."""
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write("usage: python -m database.init_db postgresql://…  (or set DATABASE_URL)\n")
        return 2
    applied = asyncio.run(run_until_terminated(init_db(url)))
    sys.stdout.write(f"applied: {', '.join(applied)}\n" if applied else "the database is up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

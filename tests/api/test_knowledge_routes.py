"""The knowledge in the console: articles, uploads that a worker reads, and questions that a worker tries out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from agent.knowledge.documents import _READERS
from agent.knowledge.embed import wrap_embedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.hints import keep_hints
from agent.knowledge.search import KnowledgeSearch
from api.routes import knowledge_jobs
from core.documents import DOCUMENT_SUFFIXES
from core.ids import new_id
from database.notify import JOB_CHANNEL, listen
from database.queries import knowledge, operations
from database.types import WorkerId
from database.types.jobs import MAX_UPLOAD_BYTES
from tests.agent.knowledge.desk import WordEmbedder, make_document, store
from tests.api.service import Service, expect_problem, issue_key, name_fields
from workers.jobs import JobKeeper

HOURS = b"# Opening hours\n\nWe are open on Monday.\n"
ARTICLES, UPLOADS, SEARCH = "/knowledge/articles", "/knowledge/uploads", "/knowledge/search"


@pytest.fixture
async def keeper(fresh: Service) -> dict[str, str]:
    """The headers of somebody who keeps the knowledge."""
    return {"X-API-Key": await issue_key(fresh.pool, "knowledge:read", "knowledge:write")}


@pytest.fixture
async def visitor(service: Service) -> dict[str, str]:
    """The same in the application that is shared: for what changes nothing there."""
    return {"X-API-Key": await issue_key(service.pool, "knowledge:read", "knowledge:write")}


@asynccontextmanager
async def worker(service: Service, database_url: str) -> AsyncIterator[None]:
    """A worker that takes jobs, and says that it is alive."""
    local = WordEmbedder()
    keeper = JobKeeper(
        service.pool,
        Embedders(local),
        KnowledgeSearch(service.pool, wrap_embedder(local)),
        {},
        confidence_threshold=0.75,
        notify=service.desk.notifier.notify,
        poll_seconds=0.05,
    )
    async with service.pool.acquire() as conn:
        await _beat(conn)
    running = asyncio.gather(keeper.run(), listen(database_url, {JOB_CHANNEL: keeper.wake}, keeper.wake))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _beat(conn: Any) -> None:
    await operations.beat(
        conn, WorkerId(new_id()), host="h", pid=1, brain="offline", concurrency=1, in_flight=0, is_elected=False
    )


async def send(
    service: Service, headers: dict[str, str], name: str = "hours.md", content: bytes = HOURS, **fields: str
) -> httpx.Response:
    """Upload a file as a page does."""
    return await service.client.post(UPLOADS, files={"file": (name, content)}, data=fields, headers=headers)


async def wait_for(service: Service, headers: dict[str, str], upload: dict[str, Any]) -> dict[str, Any]:
    """Ask until a worker has settled the upload."""
    async with asyncio.timeout(60):
        while True:
            found = (await service.client.get(f"{UPLOADS}/{upload['id']}", headers=headers)).json()
            if found["state"] in {"done", "failed"}:
                return dict(found)
            await asyncio.sleep(0.02)


async def list_sources(service: Service, headers: dict[str, str], **asked: Any) -> list[str]:
    """The sources on a page of articles."""
    response = await service.client.get(ARTICLES, params=asked, headers=headers)
    assert response.status_code == 200, response.text
    return [row["source"] for row in response.json()["articles"]]


async def find_id(service: Service, headers: dict[str, str], source: str) -> UUID:
    """The id of an article."""
    rows = (await service.client.get(ARTICLES, headers=headers)).json()["articles"]
    return UUID(next(row["id"] for row in rows if row["source"] == source))


async def test_an_uploaded_file_is_read_by_a_worker_and_can_be_followed_to_its_article(
    fresh: Service, database_url: str, keeper: dict[str, str]
) -> None:
    response = await send(fresh, keeper, category="contact")
    assert response.status_code == 202
    upload = response.json()
    assert (upload["state"], upload["name"], upload["uploaded_by"]) == ("queued", "hours.md", "test")
    assert (await send(fresh, keeper, category="contact")).json()["id"] == upload["id"]
    async with worker(fresh, database_url):
        done = await wait_for(fresh, keeper, upload)
        again = await wait_for(fresh, keeper, (await send(fresh, keeper, category="contact")).json())
    assert (done["state"], done["passages"], done["embedded"], done["to_embed"]) == ("done", 1, 2, 2)
    assert (again["is_unchanged"], done["is_unchanged"]) == (True, False)
    article = (await fresh.client.get(f"{ARTICLES}/{done['article_id']}", headers=keeper)).json()
    assert (article["source"], article["category"], article["is_published"]) == ("contact/hours.md", "contact", True)
    assert [passage["content"] for passage in article["passage_list"]] == ["We are open on Monday."]
    uploads = (await fresh.client.get(UPLOADS, params={"limit": 1}, headers=keeper)).json()
    assert [row["id"] for row in uploads["uploads"]] == [again["id"]]
    older = (await fresh.client.get(UPLOADS, params={"cursor": uploads["next_cursor"]}, headers=keeper)).json()
    assert ([row["id"] for row in older["uploads"]], older["next_cursor"]) == ([upload["id"]], None)


async def test_a_file_can_replace_an_article_that_was_loaded_under_another_name(
    fresh: Service, database_url: str, keeper: dict[str, str]
) -> None:
    await store(fresh.pool, "docs/hours.md", replace(make_document(), category="contact"))
    replaced = str(await find_id(fresh, keeper, "docs/hours.md"))
    upload = (await send(fresh, keeper, "new.txt", b"We never close.", replaces=replaced)).json()
    async with worker(fresh, database_url):
        done = await wait_for(fresh, keeper, upload)
    assert done["article_id"] == replaced
    article = (await fresh.client.get(f"{ARTICLES}/{replaced}", headers=keeper)).json()
    assert (article["source"], article["category"], article["revisions"]) == ("docs/hours.md", "contact", 2)
    refused = await send(fresh, keeper, replaces=str(uuid4()))
    assert name_fields(expect_problem(refused, 422)) == {"replaces"}


async def test_a_file_that_breaks_its_reader_says_why_it_failed(
    fresh: Service, database_url: str, keeper: dict[str, str]
) -> None:
    upload = (await send(fresh, keeper, "broken.pdf", b"%PDF-1.7\n" + bytes(range(256)))).json()
    async with worker(fresh, database_url):
        failed = await wait_for(fresh, keeper, upload)
    assert (failed["state"], failed["article_id"]) == ("failed", None)
    assert failed["problem"].startswith("broken.pdf: cannot be read")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.exe", b"MZ", "must end in"),
        ("a.docx", b"PK\x03\x04", "must end in"),
        ("noname", HOURS, "must end in"),
        ("a.md", b"", "empty"),
        ("a.txt", b" \n", "empty"),
        ("a.pdf", HOURS, "no PDF"),
        ("a.md", b"%PDF\0", "no text"),
        ("a.html", "Größe".encode("latin-1"), "UTF-8"),
        ("x" * 300 + ".md", HOURS, "200 characters"),
    ],
)
async def test_a_file_that_is_not_what_it_says_is_refused_at_once(
    service: Service, visitor: dict[str, str], name: str, content: bytes, reason: str
) -> None:
    problem = expect_problem(await send(service, visitor, name, content), 422)
    assert name_fields(problem) == {"file"}
    assert reason in problem["errors"][0]["message"]


@pytest.mark.parametrize("name", ["../../etc/hours.md", "C:\\docs\\hours.md", "/hours.md", "ho\0urs.md"])
async def test_only_the_name_is_kept_of_a_path(service: Service, visitor: dict[str, str], name: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--b--\r\n' % (
        name.replace("\\", "\\\\").encode(),
        HOURS,
    )
    headers = {**visitor, "Content-Type": "multipart/form-data; boundary=b"}
    response = await service.client.post(UPLOADS, content=body, headers=headers)
    assert response.status_code == 202, response.text
    assert response.json()["name"] == "hours.md"


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"audience": "everybody"}, {"audience"}),
        ({"category": "a/b"}, {"category"}),
        ({"category": "\x00"}, {"category"}),
        ({"category": "x" * 81}, {"category"}),
        ({"is_draft": "maybe"}, {"is_draft"}),
        ({"replaces": "x"}, {"replaces"}),
        ({"colour": "red"}, {"colour"}),
    ],
)
async def test_what_is_said_beside_a_file_is_checked(
    service: Service, visitor: dict[str, str], fields: dict[str, str], blamed: set[str]
) -> None:
    assert name_fields(expect_problem(await send(service, visitor, "hours.md", HOURS, **fields), 422)) == blamed


async def test_a_request_without_a_file_is_refused(service: Service, visitor: dict[str, str]) -> None:
    client = service.client
    assert name_fields(expect_problem(await client.post(UPLOADS, data={"file": "x"}, headers=visitor), 422)) == {"file"}
    assert name_fields(expect_problem(await client.post(UPLOADS, json={"file": "x"}, headers=visitor), 422)) == {"file"}
    files = [("file", ("a.md", HOURS)), ("more", ("b.md", HOURS))]
    expect_problem(await client.post(UPLOADS, files=files, headers=visitor), 400)
    unbound = {**visitor, "Content-Type": "multipart/form-data"}
    expect_problem(await client.post(UPLOADS, content=b"--b\r\nnonsense", headers=unbound), 400)
    cut = {**visitor, "Content-Type": "multipart/form-data; boundary=b"}
    expect_problem(await client.post(UPLOADS, content=b"--b\r\nnonsense", headers=cut), 422)


async def test_ten_megabytes_are_taken_and_no_more(fresh: Service, keeper: dict[str, str]) -> None:
    most = b"a" * MAX_UPLOAD_BYTES
    assert (await send(fresh, keeper, content=most)).status_code == 202
    expect_problem(await send(fresh, keeper, content=most + b"a"), 413)
    expect_problem(await send(fresh, keeper, content=most + b"a" * 2**20), 413)


async def test_nobody_without_the_scope_makes_the_server_read_a_file(service: Service) -> None:
    reader = {"X-API-Key": await issue_key(service.pool, "knowledge:read")}
    expect_problem(await send(service, {}), 401)
    expect_problem(await send(service, reader), 403)

    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(HOURS)
        yield HOURS

    headers = {**reader, "Content-Type": "multipart/form-data; boundary=b"}
    expect_problem(await service.client.post(UPLOADS, content=body(), headers=headers), 403)
    assert not read


async def test_what_the_routes_take_is_what_the_readers_read() -> None:
    assert set(DOCUMENT_SUFFIXES) == set(_READERS)


async def test_articles_are_listed_page_by_page_changed_last_first(fresh: Service, keeper: dict[str, str]) -> None:
    for number in range(5):
        await store(fresh.pool, f"{number}.md", make_document(f"Title {number}"))
    await store(fresh.pool, "1.md", make_document("Title 1", "Now otherwise."))
    first = (await fresh.client.get(ARTICLES, params={"limit": 3}, headers=keeper)).json()
    assert [row["source"] for row in first["articles"]] == ["1.md", "4.md", "3.md"]
    assert first["articles"][0]["revisions"] == 2
    rest = (await fresh.client.get(ARTICLES, params={"cursor": first["next_cursor"]}, headers=keeper)).json()
    assert ([row["source"] for row in rest["articles"]], rest["next_cursor"]) == (["2.md", "0.md"], None)


async def test_articles_are_filtered_and_searched_by_words_in_any_inflection(
    fresh: Service, keeper: dict[str, str]
) -> None:
    await store(fresh.pool, "hours.md", make_document())
    await store(fresh.pool, "keys.md", make_document("Keys", "Keys are kept.", audience="internal", is_draft=True))
    await store(fresh.pool, "auf.md", make_document("Zeiten", "Montags offen.", language="de"))
    assert await list_sources(fresh, keeper, audience="internal") == ["keys.md"]
    assert await list_sources(fresh, keeper, is_published="false") == ["keys.md"]
    assert await list_sources(fresh, keeper, language="de") == ["auf.md"]
    assert await list_sources(fresh, keeper, kind="resolution") == []
    assert await list_sources(fresh, keeper, category="general", q="opens hour") == ["hours.md"]
    assert await list_sources(fresh, keeper, q="hours keys") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"cursor": "x"},
        {"limit": 0},
        {"limit": 10**40},
        {"kind": "draft"},
        {"language": "\x00"},
        {"q": "\x00"},
        {"colour": "red"},
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(
    service: Service, visitor: dict[str, str], asked: dict[str, Any]
) -> None:
    expect_problem(await service.client.get(ARTICLES, params=asked, headers=visitor), 422)


async def test_an_article_shows_its_revisions_questions_and_hints(fresh: Service, keeper: dict[str, str]) -> None:
    local = WordEmbedder()
    await store(fresh.pool, "a.md", make_document("Hours", "We close at 5 on all days."), local)
    await store(fresh.pool, "b.md", make_document("Hours", "We close at 6 on all days.", questions=("When?",)), local)
    async with fresh.pool.acquire() as conn, conn.transaction():
        article = await knowledge.find_article(conn, "b.md")
        assert article is not None
        await keep_hints(conn, article.revision_id, local)
    view = (await fresh.client.get(f"{ARTICLES}/{article.id}", headers=keeper)).json()
    assert [revision["is_published"] for revision in view["revision_list"]] == [True]
    assert view["passage_list"][0]["questions"] == ["When?"]
    (hint,) = view["hint_list"]
    assert (hint["kind"], hint["other_title"]) == ("contradiction", "Hours")
    assert UUID(hint["other_article_id"]) == await find_id(fresh, keeper, "a.md")
    assert view["hints"] == 1


async def test_an_article_is_published_and_made_a_draft_as_often_as_one_likes(
    fresh: Service, keeper: dict[str, str]
) -> None:
    await store(fresh.pool, "a.md", make_document(is_draft=True))
    url = f"{ARTICLES}/{await find_id(fresh, keeper, 'a.md')}"
    for action, is_published in (("publish", True), ("publish", True), ("unpublish", False), ("unpublish", False)):
        view = (await fresh.client.post(f"{url}/{action}", headers=keeper)).json()
        assert view["is_published"] is is_published
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM knowledge_versions") == 2


async def test_a_draft_can_be_deleted_and_what_was_published_once_cannot(
    fresh: Service, keeper: dict[str, str]
) -> None:
    await store(fresh.pool, "draft.md", make_document(is_draft=True))
    await store(fresh.pool, "told.md", make_document())
    draft, told = [await find_id(fresh, keeper, source) for source in ("draft.md", "told.md")]
    await fresh.client.post(f"{ARTICLES}/{told}/unpublish", headers=keeper)
    assert (await fresh.client.delete(f"{ARTICLES}/{draft}", headers=keeper)).status_code == 204
    expect_problem(await fresh.client.delete(f"{ARTICLES}/{draft}", headers=keeper), 404)
    expect_problem(await fresh.client.delete(f"{ARTICLES}/{told}", headers=keeper), 409)
    assert await list_sources(fresh, keeper) == ["told.md"]


async def test_what_is_not_there_is_not_found(service: Service, visitor: dict[str, str]) -> None:
    client, unknown = service.client, uuid4()
    expect_problem(await client.get(f"{ARTICLES}/{unknown}", headers=visitor), 404)
    expect_problem(await client.post(f"{ARTICLES}/{unknown}/publish", headers=visitor), 404)
    expect_problem(await client.post(f"{ARTICLES}/{unknown}/unpublish", headers=visitor), 404)
    expect_problem(await client.get(f"{UPLOADS}/{unknown}", headers=visitor), 404)


async def test_readers_change_nothing(service: Service) -> None:
    reader = {"X-API-Key": await issue_key(service.pool, "knowledge:read")}
    for action in ("publish", "unpublish"):
        expect_problem(await service.client.post(f"{ARTICLES}/{uuid4()}/{action}", headers=reader), 403)
    expect_problem(await service.client.delete(f"{ARTICLES}/{uuid4()}", headers=reader), 403)


async def test_a_question_is_tried_out_by_a_worker(fresh: Service, database_url: str, keeper: dict[str, str]) -> None:
    await store(fresh.pool, "hours.md", make_document(), WordEmbedder())
    async with worker(fresh, database_url):
        response = await fresh.client.post(SEARCH, json={"query": "Open on Monday?", "limit": 3}, headers=keeper)
    assert response.status_code == 200, response.text
    found = response.json()
    (passage,) = found["passages"]
    assert (passage["source"], passage["excerpt"]) == ("hours.md", "We are open on Monday.")
    assert found["is_sure"] is (found["confidence"] >= found["required_confidence"])
    assert 0 < found["search_ms"] <= found["total_ms"]
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM jobs") == 0


async def test_without_a_worker_nobody_waits_for_a_search(fresh: Service, keeper: dict[str, str]) -> None:
    response = await fresh.client.post(SEARCH, json={"query": "Open on Monday?"}, headers=keeper)
    assert "No worker is running" in expect_problem(response, 503)["detail"]
    assert response.headers["Retry-After"] == "5"


async def test_workers_that_do_not_answer_are_waited_for_no_longer_than_said(
    fresh: Service, keeper: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge_jobs, "ANSWER_SECONDS", 0.2)
    async with fresh.pool.acquire() as conn:
        await _beat(conn)
    response = await fresh.client.post(SEARCH, json={"query": "Open on Monday?"}, headers=keeper)
    assert "0.2 seconds" in expect_problem(response, 503)["detail"]
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM jobs") == 0


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({"query": ""}, {"query"}),
        ({"query": "\u0000"}, {"query"}),
        ({"query": "\ud800"}, {"query"}),
        ({"query": "x" * 2_001}, {"query"}),
        ({"query": "x", "limit": 21}, {"limit"}),
        ({"query": "x", "limit": 10**40}, {"limit"}),
        ({"query": "x", "language": "english"}, {"language"}),
        ({"query": "x", "audience": "all"}, {"audience"}),
        ({"query": "x", "colour": 1}, {"colour"}),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused(
    service: Service, visitor: dict[str, str], body: dict[str, Any], blamed: set[str]
) -> None:
    headers = {**visitor, "Content-Type": "application/json"}
    response = await service.client.post(SEARCH, content=json.dumps(body), headers=headers)
    assert name_fields(expect_problem(response, 422)) == blamed

"""Vectors: nothing is embedded twice, models never meet, and one that fails or is incomplete is not searched with."""

import asyncio
from contextlib import aclosing, suppress

import pytest

from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedders, EmbeddingFailed
from agent.knowledge.search import KnowledgeSearch
from agent.knowledge.vectors import fill_vectors, forget_other_models, keep_alone
from core.errors import OperatorError
from database.pool import DbPool
from database.queries import vectors
from tests.agent.knowledge.desk import WordEmbedder, make_document, make_remote, store


async def fill(pool: DbPool, *embedders: WordEmbedder) -> dict[str, tuple[int, int]]:
    filled = {}
    local, remote = (*embedders, None)[:2]
    async for name, coverage in fill_vectors(pool, Embedders(local, remote)):
        filled[name] = (coverage.embedded, coverage.texts)
    return filled


async def is_ready(pool: DbPool, embedder: WordEmbedder) -> bool:
    async with pool.acquire() as conn:
        return await vectors.is_ready(conn, embedder.name)


async def test_what_was_embedded_once_is_never_embedded_again(pool: DbPool) -> None:
    local = WordEmbedder()
    await store(pool, "a.md", make_document("Hours", "We are open."), local)
    assert sorted(local.asked) == ["Hours", "Hours\nWe are open."]
    local.asked.clear()
    await store(pool, "a.md", make_document("Hours", "We are open.", language="de"), local)  # a new revision
    await store(pool, "copy.md", make_document("Hours", "We are open."), local)
    assert local.asked == []
    await store(pool, "a.md", make_document("Hours", "We are closed."), local)
    assert local.asked == ["Hours\nWe are closed."]


async def test_a_search_meets_vectors_of_its_own_model_alone(pool: DbPool) -> None:
    one, other = WordEmbedder("one@1"), WordEmbedder("other@1")
    await store(pool, "a.md", make_document("Alpha", "Beta."), one)
    await store(pool, "b.md", make_document("Gamma", "Delta."), other)
    for model, source in ((one, "a.md"), (other, "b.md")):
        found = await KnowledgeSearch(pool, AsyncEmbedder(model)).search("zeta")
        assert [passage.source for passage in found] == [source]
        assert all(passage.similarity is not None for passage in found)


async def test_a_new_model_is_searched_with_once_it_has_embedded_everything(pool: DbPool) -> None:
    local, remote = WordEmbedder(), make_remote()
    for number in range(3):
        await store(pool, f"{number}.md", make_document(f"Title {number}"), local)
    search = KnowledgeSearch(pool, AsyncEmbedder(local), AsyncEmbedder(remote))
    await search.search("Title 1")
    assert remote.asked == []
    assert await fill(pool, local, remote) == {local.name: (6, 6), remote.name: (6, 6)}
    remote.asked.clear()
    found = await search.search("Title 1")
    assert remote.asked == ["Title 1"]
    assert found[0].source == "1.md"


async def test_filling_shows_progress_and_goes_on_where_it_was_stopped(
    pool: DbPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.knowledge.vectors.BATCH_PASSAGES", 2)
    remote = make_remote()
    for number in range(5):
        await store(pool, f"{number}.md", make_document(f"Title {number}"))
    seen = []
    async with aclosing(fill_vectors(pool, Embedders(None, remote))) as filling:
        async for _, coverage in filling:
            seen.append(coverage.embedded)
            if len(seen) == 3:
                break
    assert seen == [0, 4, 8]
    assert not await is_ready(pool, remote)
    assert await fill(pool, remote) == {remote.name: (10, 10)}  # as the only model at hand it takes the first place
    assert len(remote.asked) == 10
    assert await is_ready(pool, remote)


async def test_where_the_remote_model_fails_the_local_one_answers(pool: DbPool) -> None:
    local, remote = WordEmbedder(), make_remote()
    await store(pool, "a.md", make_document("Alpha", "Beta."), local, remote)
    await fill(pool, local, remote)
    remote.is_down = True
    found = await KnowledgeSearch(pool, AsyncEmbedder(local), AsyncEmbedder(remote)).search("Alpha Beta")
    assert found[0].similarity is not None
    assert local.asked[-1] == "Alpha Beta"


async def test_passages_the_remote_model_could_not_embed_are_found_by_the_local_one_until_it_has(pool: DbPool) -> None:
    local, remote = WordEmbedder(), make_remote()
    await store(pool, "a.md", make_document("Alpha", "Beta."), local, remote)
    await fill(pool, local, remote)
    remote.is_down = True
    await store(pool, "b.md", make_document("Gamma", "Delta."), local, remote)
    assert not await is_ready(pool, remote)
    with pytest.raises(EmbeddingFailed):
        await fill(pool, local, remote)
    remote.is_down = False
    await fill(pool, local, remote)
    assert await is_ready(pool, remote)


async def test_one_process_keeps_the_knowledge_until_it_ends_or_fails(database_url: str) -> None:
    async with keep_alone(database_url) as first, keep_alone(database_url) as second:
        assert (first, second) == (True, False)
    with suppress(EmbeddingFailed):
        async with keep_alone(database_url) as again:
            assert again
            raise EmbeddingFailed("scripted")
    async with asyncio.timeout(30):  # the server takes a moment to see that the connection has ended
        while True:
            async with keep_alone(database_url) as is_alone:
                if is_alone:
                    return


async def test_vectors_of_models_out_of_use_are_forgotten_when_asked(pool: DbPool) -> None:
    old, new = WordEmbedder("old@1"), WordEmbedder("new@1")
    await store(pool, "a.md", make_document(), old)
    await fill(pool, new)
    assert await forget_other_models(pool, Embedders(new)) == 2
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT array_agg(DISTINCT model) FROM knowledge_vectors") == ["new@1"]


async def test_a_vector_of_a_size_without_a_column_is_refused_with_what_to_do(pool: DbPool) -> None:
    with pytest.raises(OperatorError, match="choose another embedding model"):
        await store(pool, "a.md", make_document(), WordEmbedder(dimensions=7))


async def test_two_loads_of_one_source_at_once_leave_one_article_and_one_published_revision(pool: DbPool) -> None:
    texts = [f"We are open on day {number}." for number in range(6)]
    await store(pool, "hours.md", make_document())
    await asyncio.gather(*(store(pool, "hours.md", make_document(text=text)) for text in texts))
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM knowledge_articles") == 1
        assert await conn.fetchval("SELECT count(*) FROM knowledge_revisions WHERE upper_inf(published)") == 1
        assert await conn.fetchval("SELECT count(*) FROM knowledge_revisions") == 7

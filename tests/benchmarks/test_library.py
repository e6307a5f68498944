"""The large library of the benchmarks: it is searched by the statements of the desk, so it must be one of its own."""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rich.progress import Progress

from benchmarks.agent import library
from benchmarks.agent.library import fill_library
from benchmarks.agent.texts import make_names, write_pieces, write_questions
from database.pool import connect
from database.queries.knowledge import Shelf, search_passages
from database.queries.vectors import QueryVector
from tests.conftest import cloned

PASSAGES = 800


class RandomEmbedder:
    """Vectors that mean nothing."""

    name = "random@1"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.random.default_rng(1).standard_normal((len(texts), 384)).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_texts_are_the_same_in_every_run_and_names_are_different() -> None:
    assert write_pieces(20, random.Random(1)) == write_pieces(20, random.Random(1))
    assert len(set(make_names(library.NAMES))) == library.NAMES
    questions = write_questions(6, ["barcor"], random.Random(1))
    assert [question.endswith("It is about Barcor.") for question in questions] == [True, False, False] * 2


async def test_a_filled_library_is_found_by_meaning_and_by_words_and_in_slices(
    server_url: str, template_url: str
) -> None:
    assert template_url
    embedder = RandomEmbedder()
    async with cloned(server_url, "nightdesk_template") as url:
        await fill_library(url, embedder, PASSAGES, Progress(disable=True))
        conn = await connect(url, application="test")
        try:
            counted = await conn.fetchrow(
                "SELECT count(*) AS passages, min(words) AS fewest,"
                " (SELECT count(*) FROM knowledge_vectors) AS vectors,"
                " (SELECT count(*) FROM pg_indexes WHERE indexname = 'knowledge_vectors_small') AS graphs"
                " FROM knowledge_base"
            )
            assert counted is not None
            assert (counted["passages"], counted["vectors"], counted["graphs"]) == (PASSAGES, 2 * PASSAGES, 1)
            assert counted["fewest"] > 20
            vector = QueryVector(embedder.name, embedder.embed(["anything"])[0].tolist())
            found = await search_passages(conn, "archive an invoice", vector, max_passages=100)
            assert len(found) > 60
            assert any(passage.lexical == 1 for passage in found)
            dutch = await search_passages(conn, "", vector, max_passages=10, shelf=Shelf(language="nl"))
            assert {passage.language for passage in dutch} == {"nl"}
        finally:
            await conn.close()

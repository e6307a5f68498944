"""A library of a hundred thousand passages, made inside the database from a few thousand that were really embedded."""

import asyncio
import random
from collections.abc import Sequence

from rich.progress import Progress, TaskID

from agent.knowledge.embedder import Embedder
from benchmarks.agent.texts import make_names, write_pieces
from database.pool import connect
from database.queries.vectors import format_vector

SEEDS = 2_000
NAMES = 20_000
ARTICLE = 4  # passages each
# One article in a hundred and one in ten; the others are in English.
SLICES = {"nl": 0.01, "de": 0.1}
_BATCH = 200

_PREPARE = """
CREATE TEMP TABLE seeds (n integer PRIMARY KEY, title text, opening text, closing text, title_vector text,
                         passage_vector text);
CREATE TEMP TABLE names (n integer PRIMARY KEY, name text);
CREATE TEMP TABLE wanted (passages integer, model text);
SET session_replication_role = replica;  -- no foreign-key checks while loading
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '1GB';
SET max_parallel_maintenance_workers = 0;  -- containers have little of the shared memory that it takes
SELECT setseed(0.5);
"""
# Every passage is the opening of one seed and the closing of another, and its vectors lie between theirs. Names are as
# frequent as words are: some stand in every tenth passage, most in a few.
_STEPS = {
    "Choosing passages": f"""
CREATE TEMP TABLE made AS
SELECT c.n, md5('passage' || c.n)::uuid AS id, md5('article' || c.n / {ARTICLE})::uuid AS article, share,
       one.n AS first, two.n AS second, one.title AS title, two.title AS heading,
       one.opening || ' ' || two.closing || ' It is called ' || x.name || ' or ' || y.name || '.' AS content,
       sha256(('title' || c.n)::bytea) AS title_hash, sha256(('passage' || c.n)::bytea) AS passage_hash
  FROM (SELECT n, floor(random() * {SEEDS}) AS a, floor(random() * {SEEDS}) AS b, floor({NAMES} ^ random()) - 1 AS p,
               floor({NAMES} ^ random()) - 1 AS q, 0.2 + 0.6 * random() AS share
          FROM wanted, generate_series(0, passages - 1) n) c
  JOIN seeds one ON one.n = a JOIN seeds two ON two.n = b JOIN names x ON x.n = p JOIN names y ON y.n = q;
ANALYZE made""",
    "Writing articles": f"""
INSERT INTO knowledge_articles (id, source) SELECT DISTINCT article, 'library/' || article FROM made;
INSERT INTO knowledge_revisions
       (id, article_id, title, category, language, audience, content_hash, passages, words, published)
SELECT article, article, min(title), 'product',
       CASE WHEN min(n) / {ARTICLE} % 100 = 0 THEN 'nl' WHEN min(n) / {ARTICLE} % 10 = 1 THEN 'de' ELSE 'en' END,
       'public', 'h', count(*), 0, tstzmultirange(tstzrange(now() - interval '1 day', NULL))
  FROM made GROUP BY article""",
    "Writing passages": f"""
INSERT INTO knowledge_base (id, revision_id, position, title, heading, content, words)
SELECT id, article, n % {ARTICLE}, title, heading, content, 0 FROM made;
INSERT INTO knowledge_texts (passage_id, part, hash)
SELECT id, 'title', title_hash FROM made UNION ALL SELECT id, 'passage', passage_hash FROM made""",
    "Counting words": """
INSERT INTO knowledge_terms (term, passage_id, occurrences)
SELECT t.term, m.id, t.occurrences
  FROM made m, count_terms(concat_ws(E'\\n', m.title, m.heading, m.content)) t ORDER BY t.term, m.id;
UPDATE knowledge_base k SET words = t.words
  FROM (SELECT passage_id, sum(occurrences) AS words FROM knowledge_terms GROUP BY passage_id) t
 WHERE t.passage_id = k.id AND k.words = 0;
UPDATE knowledge_revisions r SET words = t.words
  FROM (SELECT revision_id, sum(words) AS words FROM knowledge_base GROUP BY revision_id) t
 WHERE t.revision_id = r.id AND r.words = 0""",
    "Writing vectors": """
INSERT INTO knowledge_vectors (hash, model, small)
SELECT v.hash, w.model, l2_normalize(array_fill(share, ARRAY[384])::vector * v.one::vector
                                     + array_fill(1 - share, ARRAY[384])::vector * v.two::vector)
  FROM wanted w, made m JOIN seeds one ON one.n = m.first JOIN seeds two ON two.n = m.second,
       LATERAL (VALUES (m.title_hash, one.title_vector, two.title_vector),
                       (m.passage_hash, one.passage_vector, two.passage_vector)) AS v (hash, one, two)""",
}
_GRAPH = "knowledge_vectors_small"
# The planner must know the sizes, and visible pages must be marked, as autovacuum does on a desk in a minute.
_TABLES = ("articles", "revisions", "base", "terms", "texts", "vectors")
_FINISH = f"VACUUM ANALYZE {', '.join(f'knowledge_{name}' for name in _TABLES)}"


async def fill_library(url: str, embedder: Embedder, passages: int, progress: Progress) -> None:
    """Put so many passages beside those that there are, in a few minutes.

    The graph of their vectors is built last: one vector after the other it takes ten times as long.
    """
    pieces = write_pieces(SEEDS, random.Random(1))
    task = progress.add_task("Embedding", total=2 * SEEDS)
    vectors = [
        await _embed([piece.title for piece in pieces], embedder, progress, task),
        await _embed([piece.text for piece in pieces], embedder, progress, task),
    ]
    rows = [
        (n, piece.title, piece.opening, piece.closing, title, passage)
        for n, (piece, title, passage) in enumerate(zip(pieces, *vectors, strict=True))
    ]
    conn = await connect(url, application="benchmark")
    try:
        await conn.execute(_PREPARE)
        await conn.copy_records_to_table("seeds", records=rows)
        await conn.copy_records_to_table("names", records=list(enumerate(make_names(NAMES))))
        await conn.copy_records_to_table("wanted", records=[(passages, embedder.name)])
        graph = await conn.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = $1", _GRAPH)
        await conn.execute(f"DROP INDEX {_GRAPH}")
        steps = {**_STEPS, "Building the graph": graph, "Finishing": _FINISH}
        progress.update(task, total=len(steps), completed=0)
        for name, sql in steps.items():
            progress.update(task, description=f"{name} of {passages:,} passages")
            await conn.execute(sql)
            progress.advance(task)
    finally:
        await conn.close()


async def _embed(texts: Sequence[str], embedder: Embedder, progress: Progress, task: TaskID) -> list[str]:
    """The vectors as SQL writes them."""
    written: list[str] = []
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        vectors = await asyncio.to_thread(embedder.embed, batch)
        written += [str(format_vector(vector)["small"]) for vector in vectors.tolist()]
        progress.advance(task, len(batch))
    return written

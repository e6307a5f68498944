"""Plans of the knowledge: a search in much of it reads indexes, and walks on past what may not be seen."""

from collections.abc import AsyncIterator

import pytest
from asyncpg import Record

from database.pool import DbConnection, connect
from database.statements import load_statements
from tests.conftest import cloned
from tests.database.plans import Plan, explain, list_indexes, list_sequential_scans, walk

PASSAGES = 6_000
GROWING = {"knowledge_base", "knowledge_terms", "knowledge_texts", "knowledge_vectors", "learned_tickets"}
# One article in twenty is published. Vectors are points on a circle in two of the 384 dimensions, with their indexes
# made before, as they are on a desk; 1,000 of them, since each costs milliseconds.
BIG_LIBRARY = f"""
SET session_replication_role = replica;
CREATE TEMP TABLE ids AS SELECT n, md5('a' || n)::uuid AS article, md5('p' || n)::uuid AS passage,
    sha256(('x' || n)::bytea) AS hash FROM generate_series(1, {PASSAGES}) n;
INSERT INTO knowledge_articles (id, source) SELECT article, 's' || n FROM ids;
INSERT INTO knowledge_revisions (id, article_id, title, category, language, audience, content_hash, passages, words,
                                 published)
    SELECT article, article, 't', 'general', 'en', 'public', 'h', 1, 3,
           CASE WHEN n % 20 = 0 THEN tstzmultirange(tstzrange(now() - interval '1 day', NULL)) ELSE '{{}}' END FROM ids;
INSERT INTO knowledge_versions (id, published_at) SELECT article, now() - make_interval(mins => n) FROM ids;
INSERT INTO knowledge_base (id, revision_id, position, title, heading, content, words)
    SELECT passage, article, 0, 't', '', repeat('word ', 100), 3 FROM ids;
INSERT INTO knowledge_texts (passage_id, part, hash) SELECT passage, 'passage', hash FROM ids;
INSERT INTO knowledge_terms (term, passage_id, occurrences)
    SELECT term, passage, 1 FROM ids, LATERAL (VALUES ('common'), ('word' || n % 500), ('#hl-' || n)) AS t (term);
INSERT INTO knowledge_vectors (hash, model, small)
    SELECT hash, 'm@1', ('[' || sin(n)::text || ',' || cos(n)::text || repeat(',0', 382) || ']')::halfvec(384)
      FROM ids WHERE n % 6 = 0;
INSERT INTO knowledge_hints (passage_id, other_id, kind, reason) SELECT passage, passage, 'duplicate', '' FROM ids;
INSERT INTO tickets (id, ref, conversation_id, subject, category, priority, first_reply_due, status, updated_at)
    SELECT article, 'TF-' || n, article, 's', 'general', 'medium', now(), 'closed',
           now() - make_interval(hours => n) FROM ids;
INSERT INTO learned_tickets (ticket_id, outcome) SELECT article, 'learned' FROM ids;
"""
VECTOR = f"[0,1{',0' * 382}]"
FILES = ("articles", "knowledge", "vectors", "resolutions")
ARTICLES, KNOWLEDGE, VECTORS, RESOLUTIONS = (load_statements(name) for name in FILES)
# What looks at everything: for people, for the background, and after a load.
WHOLE = {
    "knowledge.list_articles",
    "knowledge.list_hints",
    "knowledge.refresh_statistics",
    "vectors.count_texts",
    "vectors.list_missing",
    "vectors.forget_others",
}
STATEMENTS = {
    f"{file}.{name}": statement
    for file, statements in zip(FILES, (ARTICLES, KNOWLEDGE, VECTORS, RESOLUTIONS), strict=True)
    for name, statement in statements.items()
    if f"{file}.{name}" not in WHOLE
}


@pytest.fixture(scope="module")
async def library(server_url: str, template_url: str) -> AsyncIterator[DbConnection]:
    """A connection to a database with much knowledge, planning as a long-lived pool does."""
    assert template_url
    async with cloned(server_url, "nightdesk_template") as url:
        conn = await connect(url, application="test")
        await conn.execute(BIG_LIBRARY)
        await conn.execute("ANALYZE")
        yield conn
        await conn.close()


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_no_statement_reads_much_knowledge_from_end_to_end(name: str, library: DbConnection) -> None:
    plan = await explain(library, STATEMENTS[name])
    scanned = list_sequential_scans(plan) & GROWING
    # So few vectors are sooner read than their graph; the last tests look at that.
    is_by_meaning = name in {"knowledge.search", "knowledge.list_nearest"}
    assert scanned <= ({"knowledge_base", "knowledge_texts", "knowledge_vectors"} if is_by_meaning else set())


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        (
            "articles.list_page",
            {"knowledge_revisions_pkey", "knowledge_revisions_article", "knowledge_articles_pkey"},
        ),
        ("articles.view", {"knowledge_articles_pkey", "knowledge_revisions_article"}),
        ("articles.list_hints", {"knowledge_base_revision_id_position_key", "knowledge_hints_pkey"}),
        ("knowledge.search", {"knowledge_terms_pkey", "knowledge_vectors_pkey", "knowledge_revisions_published"}),
        ("knowledge.list_untold", {"knowledge_revisions_untold", "knowledge_base_revision_id_position_key"}),
        ("knowledge.find_version", {"knowledge_versions_published", "knowledge_revisions_published"}),
        ("knowledge.find_article", {"knowledge_articles_source_key", "knowledge_revisions_article"}),
        ("vectors.list_unknown", {"knowledge_vectors_pkey"}),
        ("vectors.is_caught_up", {"knowledge_revisions_created"}),
        ("vectors.forget_unused", {"knowledge_vectors_pkey", "knowledge_texts_hash"}),
        ("knowledge.withdraw_resting", {"knowledge_articles_rests_on", "knowledge_revisions_article"}),
        ("knowledge.list_passages", {"knowledge_base_revision_id_position_key"}),
        ("resolutions.list_public_words", {"knowledge_terms_pkey", "knowledge_base_pkey"}),
        ("resolutions.list_due", {"tickets_closed", "learned_tickets_pkey"}),
    ],
)
async def test_a_statement_uses_its_index(name: str, indexes: set[str], library: DbConnection) -> None:
    assert list_indexes(await explain(library, STATEMENTS[name])) >= indexes


async def test_nearest_vectors_can_be_walked_in_order_and_the_walk_goes_on_past_what_is_hidden(
    library: DbConnection,
) -> None:
    """The planner takes the graph for much larger tables; here it is told to."""
    transaction = library.transaction()
    await transaction.start()
    try:
        for way in ("enable_seqscan", "enable_sort", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan"):
            await library.execute(f"SET LOCAL {way} = off")
        plan = await explain(library, KNOWLEDGE["search"])
        assert list_indexes(plan) >= {"knowledge_vectors_small", "knowledge_vectors_large", "knowledge_texts_hash"}
        # As if the shelf were too large a part of the library to be compared whole.
        await library.execute("UPDATE pg_class SET reltuples = 1 WHERE oid = 'knowledge_base'::regclass")
        found = await _search(library)
    finally:
        await transaction.rollback()
    # Of 1,000 vectors 100 are of published passages; without going on, the 100 nearest would have some 10 of them.
    assert len(found) == 60


async def test_a_small_shelf_is_compared_whole_and_its_nearest_come_first(library: DbConnection) -> None:
    plan = await explain(library, KNOWLEDGE["search"])
    assert "knowledge_base_revision_id_position_key" in list_indexes(plan)
    found = await _search(library)
    assert len(found) == 60
    assert [row["similarity"] for row in found] == sorted((row["similarity"] for row in found), reverse=True)
    nearest = await library.fetch(
        """
        SELECT 1 - (v.small <=> $1::text::halfvec(384)) AS similarity
          FROM knowledge_vectors v JOIN knowledge_texts t USING (hash) JOIN knowledge_base k ON k.id = t.passage_id
          JOIN knowledge_revisions r ON r.id = k.revision_id
         WHERE upper_inf(r.published) ORDER BY similarity DESC LIMIT 60
        """,
        VECTOR,
    )
    assert [row["similarity"] for row in found] == pytest.approx([row["similarity"] for row in nearest])


@pytest.mark.parametrize("name", ["search", "list_nearest"])
async def test_the_planner_knows_how_few_of_the_nearest_are_wanted(name: str, library: DbConnection) -> None:
    """Of a parameter it takes a tenth of all rows, and then it compares every vector."""
    limits = [node["Plan Rows"] for node in walk(await explain(library, KNOWLEDGE[name])) if _reads_vectors(node)]
    assert limits
    assert max(limits) <= 60


async def test_sessions_search_graphs_thoroughly(library: DbConnection) -> None:
    await library.execute("SELECT '[1]'::vector")
    assert await library.fetchval("SHOW hnsw.ef_search") == "100"
    assert await library.fetchval("SHOW hnsw.iterative_scan") == "relaxed_order"


async def _search(conn: DbConnection) -> list[Record]:
    return await KNOWLEDGE["search"].fetch(
        conn,
        words="",
        small=VECTOR,
        large=None,
        model="m@1",
        audiences=["public"],
        language=None,
        as_of=None,
        without_ticket=None,
        common=5_000,
        candidates=60,
        max_passages=60,
    )


def _reads_vectors(node: Plan) -> bool:
    return node["Node Type"] == "Limit" and any(
        below.get("Relation Name") == "knowledge_vectors" for below in walk(node) if below is not node
    )

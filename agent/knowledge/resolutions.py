"""Learning from tickets that ended well: the question and its answer become knowledge.

An automatic answer that its customer confirmed was held against public articles before it was sent, and is published.
Of what a person wrote only a person can know whether it is for everyone: it becomes a draft.
"""

import asyncio
from hashlib import sha256
from typing import Literal
from uuid import UUID

from agent.decision.closing import only_closes
from agent.decision.language import DEFAULT_LANGUAGE, detect_language
from agent.effects import DRAFT_ACCEPTED
from agent.knowledge.embed import wrap_embedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.passages import cut_text
from agent.knowledge.redact import list_doubtful_words, redact, reports_deed, tells_of_one_case
from agent.knowledge.search import KnowledgeSearch
from agent.knowledge.vectors import embed_texts
from core.letters import strip_letter, strip_markers
from database.pool import Conn, DbPool
from database.queries import knowledge, resolutions
from database.queries.feedback import GOOD_RATING
from database.queries.knowledge import NewArticle
from database.queries.resolutions import ResolvedTicket
from database.queries.vectors import PassageText

Outcome = Literal[
    "learned", "drafted", "not_proven", "unhappy", "sensitive", "personal", "too_short", "shortened", "known"
]

# What is said of these matters, and by these teams, is for one case, and not to be said to the next customer.
_SENSITIVE = {"legal", "security", "billing"}
_UNHAPPY = -0.3
_KNOWN_SIMILARITY = 0.95
_LEAST_QUESTION_WORDS, _LEAST_ANSWER_WORDS = 3, 8
_TITLE_CHARACTERS = 300
_AT_ONCE = 20


async def learn_resolutions(pool: DbPool, embedders: Embedders, *, quiet_hours: int) -> int:
    """Look at the tickets that are due; how many were learned, drafts included."""
    async with pool.acquire() as conn:
        due = await resolutions.list_due(conn, quiet_hours=quiet_hours, max_tickets=_AT_ONCE)
    outcomes = [await learn_resolution(pool, embedders, ticket_id) for ticket_id in due]
    return sum(outcome in {"learned", "drafted"} for outcome in outcomes)


async def learn_resolution(pool: DbPool, embedders: Embedders, ticket_id: UUID) -> Outcome:
    """Learn the answer of one ticket unless a reason speaks against it, and remember which.

    Only a closed ticket with one answer, or an automatic answer that was confirmed, after which its customer wrote
    nothing but thanks, proves that the answer helped.
    """
    async with pool.acquire() as conn:
        ticket = await resolutions.find_resolved(conn, ticket_id, accepted=DRAFT_ACCEPTED)
    if ticket is None:
        return "not_proven"
    prepared = await _prepare(pool, embedders, ticket)
    async with pool.acquire() as conn, conn.transaction():
        await resolutions.lock_evidence(conn, ticket)
        # Somebody may have called the answer wrong meanwhile, or changed the article it rests on.
        if await resolutions.find_resolved(conn, ticket_id, accepted=DRAFT_ACCEPTED) != ticket:
            prepared = "not_proven"
        outcome = prepared if isinstance(prepared, str) else await _keep(conn, ticket, prepared)
        await resolutions.note_outcome(conn, ticket_id, outcome)
    return outcome


async def _prepare(pool: DbPool, embedders: Embedders, ticket: ResolvedTicket) -> NewArticle | Outcome:
    """The article to store, its texts embedded, or why there is none."""
    # Redacting takes a while where people paste logs.
    refusal = await asyncio.to_thread(judge_resolution, ticket)
    if refusal is not None:
        return refusal
    article = await asyncio.to_thread(_make_article, ticket)
    if await _names_somebody(pool, article):
        return "personal"
    if await _is_known(pool, embedders, article):
        return "known"
    await embed_texts(pool, embedders, article.texts)
    return article


async def _keep(conn: Conn, ticket: ResolvedTicket, article: NewArticle) -> Outcome:
    stored = await knowledge.add_revision(conn, article)
    if not (ticket.answered_by == "assistant" and ticket.is_confirmed):
        return "drafted"
    await knowledge.publish_revision(conn, stored.revision_id)
    return "learned"


def judge_resolution(ticket: ResolvedTicket) -> Outcome | None:
    """Why this answer should not be learned; None if nothing speaks against it."""
    if not _is_proven(ticket) or ticket.delivery_problem is not None:
        return "not_proven"
    if (ticket.sentiment or 0.0) <= _UNHAPPY or (ticket.rating or GOOD_RATING) < GOOD_RATING:
        return "unhappy"
    if _SENSITIVE & {ticket.route, ticket.category}:
        return "sensitive"
    answer, question = _read_answer(ticket), _read_question(ticket)
    if _is_personal(ticket, question, answer):
        return "personal"
    if len(question.split()) < _LEAST_QUESTION_WORDS or len(answer.split()) < _LEAST_ANSWER_WORDS:
        return "too_short"
    # Cut to what its channel takes: it goes before its article, and would hide the rest from every channel.
    return "shortened" if len(answer) < ticket.longest_cited else None


def _is_personal(ticket: ResolvedTicket, question: str, answer: str) -> bool:
    # What is taken out of an answer would be missing from it, or another customer would be told it.
    is_redacted = redact(answer, ticket.names) != answer
    return is_redacted or reports_deed(answer) or tells_of_one_case(answer) or tells_of_one_case(question)


def _is_proven(ticket: ResolvedTicket) -> bool:
    """Whether there was one answer, the matter ended with it, and nothing speaks against it."""
    has_ended = ticket.status == "closed" or (ticket.status == "auto_resolved" and ticket.is_confirmed)
    asked = len(ticket.asked) - ticket.asked_after
    only_thanked = all(only_closes(text) for text in ticket.asked[asked:])
    is_machines = ticket.answered_by == "assistant"
    is_doubtful = is_machines and (ticket.is_refuted or ticket.drafted is None or ticket.cited_article is None)
    return has_ended and len(ticket.answered) == 1 and only_thanked and not is_doubtful


def _read_question(ticket: ResolvedTicket) -> str:
    said = strip_letter("\n".join(ticket.asked[: len(ticket.asked) - ticket.asked_after]))
    question = " ".join(redact(said, ticket.names).split())
    return question if len(question) <= _TITLE_CHARACTERS else question[:_TITLE_CHARACTERS].rsplit(" ", 1)[0]


def _read_answer(ticket: ResolvedTicket) -> str:
    if ticket.drafted is not None:
        return strip_markers(ticket.drafted)
    return strip_letter(ticket.answered[0])


def _make_article(ticket: ResolvedTicket) -> NewArticle:
    """The question as title and the answer below it, known by its ticket's id: a reference is its customer's key."""
    question = _read_question(ticket)
    passages = [PassageText(question, "", content) for content in cut_text(_read_answer(ticket))]
    return NewArticle(
        source=f"resolution/{ticket.ticket_id}",
        title=question,
        category=ticket.category,
        language=detect_language(_read_answer(ticket)) or DEFAULT_LANGUAGE,
        audience="public",
        content_hash=sha256("\x1f".join(passage.passage_text for passage in passages).encode()).hexdigest(),
        passages=passages,
        kind="resolution",
        ticket_id=ticket.ticket_id,
        rests_on=ticket.cited_article,
    )


async def _names_somebody(pool: DbPool, article: NewArticle) -> bool:
    """Whether a word that may be a name or a secret stands in no article that customers may read."""
    words = list_doubtful_words("\n".join(article.texts))
    async with pool.acquire() as conn:
        return bool(set(words) - await resolutions.list_public_words(conn, words))


async def _is_known(pool: DbPool, embedders: Embedders, article: NewArticle) -> bool:
    """Whether a resolution of this question is there already; a second one would only split the evidence."""
    found = await KnowledgeSearch(pool, wrap_embedder(embedders.local)).search(article.title)
    return any(
        passage.kind == "resolution"
        and (passage.title == article.title or (passage.similarity or 0.0) >= _KNOWN_SIMILARITY)
        for passage in found
    )

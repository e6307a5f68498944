"""Learning from tickets that ended well: the question and its answer become knowledge, without what was personal."""

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
from agent.knowledge.redact import redact
from agent.knowledge.search import KnowledgeSearch
from agent.knowledge.vectors import embed_texts
from core.letters import strip_letter, strip_markers
from database.pool import DbPool
from database.queries import knowledge, resolutions
from database.queries.knowledge import NewArticle
from database.queries.resolutions import ResolvedTicket
from database.queries.vectors import PassageText

Outcome = Literal["learned", "not_proven", "unhappy", "sensitive", "personal", "too_short", "known"]

# What teams of these routes write is for one case, and not to be said to the next customer.
_SENSITIVE_ROUTES = {"legal", "security", "billing"}
_UNHAPPY = -0.3
_KNOWN_SIMILARITY = 0.95
_LEAST_QUESTION_WORDS, _LEAST_ANSWER_WORDS = 3, 8
_TITLE_CHARACTERS = 300
_AT_ONCE = 20


async def learn_resolutions(pool: DbPool, embedders: Embedders, *, quiet_hours: int) -> int:
    """Look at the tickets that are due; how many were learned."""
    async with pool.acquire() as conn:
        due = await resolutions.list_due(conn, quiet_hours=quiet_hours, max_tickets=_AT_ONCE)
    return sum([await learn_resolution(pool, embedders, ticket_id) == "learned" for ticket_id in due])


async def learn_resolution(pool: DbPool, embedders: Embedders, ticket_id: UUID) -> Outcome:
    """Learn the answer of one ticket unless a reason speaks against it, and remember which.

    Only a closed ticket with one answer, or an automatic answer that was confirmed, after which its customer wrote
    nothing but thanks, proves that the answer helped.
    """
    async with pool.acquire() as conn:
        ticket = await resolutions.find_resolved(conn, ticket_id, accepted=DRAFT_ACCEPTED)
    if ticket is None:
        return "not_proven"
    # Redacting takes a while where people paste logs.
    outcome = await asyncio.to_thread(judge_resolution, ticket)
    article = None if outcome else await asyncio.to_thread(_make_article, ticket)
    if article and await _is_known(pool, embedders, article):
        outcome, article = "known", None
    if article:
        await embed_texts(pool, embedders, article.texts)
    async with pool.acquire() as conn, conn.transaction():
        if article:
            stored = await knowledge.add_revision(conn, article)
            await knowledge.publish_revision(conn, stored.revision_id)
        await resolutions.note_outcome(conn, ticket_id, outcome or "learned")
    return outcome or "learned"


def judge_resolution(ticket: ResolvedTicket) -> Outcome | None:
    """Why this answer should not be learned; None if nothing speaks against it."""
    if not _is_proven(ticket) or ticket.delivery_problem is not None:
        return "not_proven"
    if ticket.sentiment is not None and ticket.sentiment <= _UNHAPPY:
        return "unhappy"
    if ticket.route in _SENSITIVE_ROUTES or ticket.category == "security":
        return "sensitive"
    answer = _read_answer(ticket)
    if redact(answer, ticket.names) != answer:
        return "personal"  # what was taken out would be missing from the answer, or another customer would be told it
    if len(_read_question(ticket).split()) < _LEAST_QUESTION_WORDS or len(answer.split()) < _LEAST_ANSWER_WORDS:
        return "too_short"
    return None


def _is_proven(ticket: ResolvedTicket) -> bool:
    """Whether there was one answer, the matter ended with it, and nothing speaks against it."""
    has_ended = ticket.status == "closed" or (ticket.status == "auto_resolved" and ticket.is_confirmed)
    asked = len(ticket.asked) - ticket.asked_after
    only_thanked = all(only_closes(text) for text in ticket.asked[asked:])
    is_machines = ticket.answered_by == "assistant"
    is_doubtful = is_machines and (ticket.is_refuted or ticket.drafted is None)
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


async def _is_known(pool: DbPool, embedders: Embedders, article: NewArticle) -> bool:
    """Whether a resolution of this question is there already; a second one would only split the evidence."""
    found = await KnowledgeSearch(pool, wrap_embedder(embedders.local)).search(article.title)
    return any(
        passage.kind == "resolution"
        and (passage.title == article.title or (passage.similarity or 0.0) >= _KNOWN_SIMILARITY)
        for passage in found
    )

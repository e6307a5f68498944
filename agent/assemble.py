"""Putting the agent together from settings and a pool."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agent.decision.grounding import Grounder
from agent.decision.language import load_languages
from agent.decision.mood import fit_mood
from agent.decision.policy import PolicyGuard, PolicyMatch, hash_policy, load_guard
from agent.intents.serve import IntentReader
from agent.intents.taxonomy import load_taxonomy
from agent.knowledge.embed import AsyncEmbedder, wrap_embedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.load import load_embedders
from agent.knowledge.search import KnowledgeSearch
from agent.knowledge.seeds import SeedEmbedder
from agent.models.brain import build_brain
from agent.prompts import SHIPPED_PROMPTS, Prompts
from agent.reading import MessageReader
from agent.run import SupportAgent
from core.settings import Settings
from database.patience import READ_SECONDS, run_patiently
from database.pool import DbPool
from database.queries.customers import list_history
from database.queries.knowledge import KnowledgeVersion, find_version
from database.types import ConversationState

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_MAX_SENTENCES = 12
_MAX_CHARACTERS = 24_000
_MIN_SENTENCE_WORDS = 3
_SHORT_WORDS = 30


async def build_agent(
    settings: Settings, pool: DbPool, embedders: Embedders | None = None, *, prompts: Prompts = SHIPPED_PROMPTS
) -> SupportAgent:
    """Load the models, unless they are given, and wire the agent. Two seconds, and five more at the first start."""
    if embedders is None:
        embedders = await asyncio.to_thread(load_embedders, settings.embedding, settings.openai)
    seeds = SeedEmbedder(embedders.local, settings.data_dir / "seeds") if embedders.local else None
    guard = await asyncio.to_thread(load_guard, seeds)
    local, remote = wrap_embedder(embedders.local), wrap_embedder(embedders.remote)
    checker = PolicyChecker(guard, local)
    intents = IntentReader(pool, await asyncio.to_thread(load_taxonomy), guard.rules, local, seeds)
    # Beside each other: reading a stored classifier must not make the start longer.
    reading = asyncio.create_task(intents.refresh())
    mood = await asyncio.to_thread(fit_mood, seeds) if seeds else None
    await asyncio.to_thread(load_languages)
    await reading

    async def read_history(conversation: ConversationState, as_of: datetime | None) -> list[dict[str, Any]]:
        return await run_patiently(
            pool,
            lambda conn: list_history(conn, conversation.customer_id, leave_out=conversation.id, as_of=as_of),
            patience_seconds=READ_SECONDS,
        )

    async def read_knowledge_version(as_of: datetime | None) -> KnowledgeVersion | None:
        return await run_patiently(pool, lambda conn: find_version(conn, as_of=as_of), patience_seconds=READ_SECONDS)

    return SupportAgent(
        settings.agent,
        company=settings.company.name,
        brain=build_brain(settings.openai),
        check_policy=checker.check,
        reader=MessageReader(local, mood),
        grounder=Grounder(embedders.local),
        search_knowledge=KnowledgeSearch(pool, local, remote).search,
        read_history=read_history,
        read_knowledge_version=read_knowledge_version,
        prompts=prompts,
        intents=intents,
        policy_version=hash_policy(),
    )


class PolicyChecker:
    """Checks a message whole and, if long, by sentence: one threat in a friendly letter must not be averaged away."""

    def __init__(self, guard: PolicyGuard, embedder: AsyncEmbedder | None) -> None:
        self._guard = guard
        self._embedder = embedder

    async def check(self, texts: Sequence[str]) -> tuple[PolicyMatch, ...]:
        """Every rule that matches anywhere in `texts`, the strictest first, each once.

        Words that name a mandatory matter settle it; only without them is likeness to the seeds asked.
        """
        texts = [cut_for_policy(text) for text in texts]
        found = {match.rule: match for text in texts for match in self._guard.check(text, None)}
        if self._embedder is not None and not any(match.level == "always" for match in found.values()):
            pieces = list(dict.fromkeys(piece for text in texts for piece in split_for_policy(text)))
            for piece, vector in zip(pieces, await self._embedder.embed(pieces), strict=True):
                for match in self._guard.check(piece, vector):
                    found.setdefault(match.rule, match)
        return self._guard.order(found.values())


def cut_for_policy(text: str) -> str:
    """The beginning and the end of what nobody has typed: patterns on 100 kB would hold up every other turn."""
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS // 2]}\n{text[-_MAX_CHARACTERS // 2 :]}"


def split_for_policy(text: str) -> list[str]:
    """The text, and of a long one also its sentences, the first few of them where there are many."""
    if len(text.split()) <= _SHORT_WORDS:
        return [text]
    sentences = [s for s in _SENTENCE_END.split(text) if len(s.split()) >= _MIN_SENTENCE_WORDS]
    return [text, *sentences[:_MAX_SENTENCES]]

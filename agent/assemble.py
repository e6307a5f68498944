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
_WINDOW = 24_000  # characters that patterns read at a time: up to 0.2 s, in a thread beside the other turns
_OVERLAP = 1_000  # no pattern spans more
_MAX_WINDOWS = 24  # more than two messages of 256 KiB
_MIN_SENTENCE_WORDS = 3
_SHORT_WORDS = 30
_TOO_LONG = PolicyMatch("too_long_to_read", "general", "always", "more text than is read at once")


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
        windows = list(dict.fromkeys(window for text in texts for window in cut_windows(text)))
        found: dict[str, PolicyMatch] = {}
        for window in windows[:_MAX_WINDOWS]:
            for match in await asyncio.to_thread(self._guard.check, window, None):
                found.setdefault(match.rule, match)
        if len(windows) > _MAX_WINDOWS:
            return (*self._guard.order(found.values()), _TOO_LONG)
        if self._embedder is not None and not any(match.level == "always" for match in found.values()):
            pieces = list(dict.fromkeys(piece for text in texts for piece in split_for_policy(text[:_WINDOW])))
            for piece, vector in zip(pieces, await self._embedder.embed(pieces), strict=True):
                for match in self._guard.check(piece, vector):
                    found.setdefault(match.rule, match)
        return self._guard.order(found.values())


def cut_windows(text: str) -> list[str]:
    """The whole text in windows that overlap, from the last to the first.

    Counted from the end, so that a text has its windows in common with the same text under a subject.
    """
    ends = range(len(text), _OVERLAP, _OVERLAP - _WINDOW) if len(text) > _WINDOW else [len(text)]
    return [text[max(0, end - _WINDOW) : end] for end in ends]


def split_for_policy(text: str) -> list[str]:
    """The text, and of a long one also its sentences, the first few of them where there are many."""
    if len(text.split()) <= _SHORT_WORDS:
        return [text]
    sentences = [s for s in _SENTENCE_END.split(text) if len(s.split()) >= _MIN_SENTENCE_WORDS]
    return [text, *sentences[:_MAX_SENTENCES]]

"""Small builders for the agent's tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agents import Model

from agent.context import Turn
from agent.decision.grounding import Grounder
from agent.decision.language import DEFAULT_LANGUAGE
from agent.decision.policy import PolicyMatch
from agent.decision.sentiment import Sentiment
from agent.intents.serve import IntentReader
from agent.models.brain import OFFLINE_BRAIN, Brain
from agent.prompts import SHIPPED_PROMPTS, Prompts
from agent.reading import MessageReader
from agent.run import SupportAgent
from core.ids import new_id
from core.settings import AgentSettings
from database.queries.knowledge import KnowledgeVersion, Shelf
from database.types import (
    Channel,
    ConversationId,
    ConversationState,
    CustomerId,
    IdentityLevel,
    Passage,
)

KNOWLEDGE_VERSION, PUBLISHED_AT = new_id(), datetime(2026, 11, 1, tzinfo=UTC)
CALM = Sentiment(0.0, "neutral", ())


def make_passage(
    content: str = "Select Forgot password on the sign-in page.",
    *,
    title: str = "Reset a forgotten password",
    heading: str = "Reset your password by email",
    similarity: float | None = 0.9,
    **values: Any,
) -> Passage:
    """A passage that clearly fits, unless told otherwise."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "article_id": new_id(),
        "source": "login/reset.md",
        "category": "login",
        "lexical": 1.0,
        "score": 1.1,
        "language": DEFAULT_LANGUAGE,
    }
    return Passage(title=title, heading=heading, content=content, similarity=similarity, **{**defaults, **values})


def make_turn(
    *messages: str,
    channel: Channel = "web",
    identity_level: IdentityLevel = "self_reported",
    automatic_replies: int = 0,
    subject: str = "Forgotten password",
) -> Turn:
    """A turn over these messages, the first of their conversation."""
    texts = messages or ("How can I reset my forgotten password?",)
    conversation = ConversationState(
        id=ConversationId(new_id()),
        customer_id=CustomerId(new_id()),
        contact_name="Ada",
        channel=channel,
        inbox="form",
        identity_level=identity_level,
        owner="agent",
        automatic_replies=automatic_replies,
        ticket_ref="TF-20261121-0001",
        ticket_subject=subject,
        ticket_category="general",
        ticket_priority="medium",
        history=(),
    )
    return Turn(conversation, texts)


def make_agent(
    *,
    passages: list[Passage] | None = None,
    policy: tuple[PolicyMatch, ...] = (),
    brain: Brain = OFFLINE_BRAIN,
    model: Model | None = None,
    settings: AgentSettings | None = None,
    history: list[dict[str, Any]] | None = None,
    searched: list[str] | None = None,
    search_error: Exception | None = None,
    knowledge_languages: tuple[str, ...] = (DEFAULT_LANGUAGE,),
    prompts: Prompts = SHIPPED_PROMPTS,
    intents: IntentReader | None = None,
) -> SupportAgent:
    """An agent whose surroundings are given: what search finds, which rules match, and which brain or model thinks."""
    passages = [make_passage()] if passages is None else passages
    if model is not None:
        brain = Brain("openai", "scripted", lambda _context, _limits: model)

    async def check_policy(_texts: Sequence[str]) -> tuple[PolicyMatch, ...]:
        return policy

    async def search(query: str, *, shelf: Shelf) -> list[Passage]:
        if search_error is not None:
            raise search_error
        if searched is not None:
            searched.append(query)
        return passages

    async def read_history(_conversation: ConversationState, _as_of: datetime | None) -> list[dict[str, Any]]:
        return history or []

    async def read_version(_as_of: datetime | None) -> KnowledgeVersion:
        return KnowledgeVersion(KNOWLEDGE_VERSION, PUBLISHED_AT, knowledge_languages)

    return SupportAgent(
        settings or AgentSettings(),
        company="Harborline",
        brain=brain,
        check_policy=check_policy,
        reader=MessageReader(),
        grounder=Grounder(),
        search_knowledge=search,
        read_history=read_history,
        read_knowledge_version=read_version,
        prompts=prompts,
        intents=intents,
    )

"""What one turn carries through the agent's loop. Identity is set here, by code, and never by a tool's arguments."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from agent.decision.answerability import estimate_answerability
from agent.decision.closing import may_end_quietly, only_closes, sounds_like_closing
from agent.decision.evidence import Evidence
from agent.decision.language import DEFAULT_LANGUAGE
from agent.decision.policy import PolicyMatch
from agent.effects import Categorise, Draft, Escalate
from agent.intents.taxonomy import GuessedIntent
from agent.prompts import SHIPPED_PROMPTS, Prompts
from agent.reading import MessageReader, Reading
from database.queries.knowledge import PUBLIC, KnowledgeVersion, Shelf
from database.queries.runs import ModelCallRecord, ToolCallRecord
from database.types import Citation, ConversationState, Passage

EXCERPT_CHARACTERS = 600
_CONTENT = 0.2
_WORD = re.compile(r"\w{3,}")
_GENERIC_WORDS = frozenset(
    {"about", "and", "ask", "asking", "customer", "enquiry", "for", "hello", "help", "inquiry", "issue", "message"}
    | {"need", "needed", "please", "problem", "query", "question", "request", "service", "subject", "support"}
    | {"the", "ticket", "urgent", "with", "your"}
)


@dataclass(frozen=True, slots=True)
class Turn:
    """The conversation and the customer's waiting messages, oldest first: a burst is answered together.

    `has_files`: something is attached to one of them, so it is more than its words. `shelf` is what may be looked up;
    `as_of` is when the turn was, for one that is thought about once more, `classifier` the version of the one that told
    its intent then, and `own_example` what its ticket teaches: no classifier that has learned that is asked.
    """

    conversation: ConversationState
    messages: tuple[str, ...]
    has_files: bool = False
    shelf: Shelf = PUBLIC
    as_of: datetime | None = None
    classifier: str | None = None
    own_example: str | None = None

    @property
    def question(self) -> str:
        """The waiting messages as one text."""
        return "\n".join(self.messages)

    @property
    def queries(self) -> tuple[str, ...]:
        """What to look for: the waiting messages, and once more with the subject where that says something of its own.

        A subject such as “Support request” is left out: put before the question it hides what is asked.
        """
        if self._has_been_answered or not _adds_content(self.conversation.ticket_subject, self.question):
            return (self.question,)
        return self.everything_said

    @property
    def everything_said(self) -> tuple[str, ...]:
        """What policy looks at: the waiting messages and, until something was answered, the subject as well."""
        if self._has_been_answered:
            return (self.question,)
        return (self.question, f"{self.conversation.ticket_subject}\n{self.question}")

    @property
    def only_closes(self) -> bool:
        """Whether the customer only thanks for an automatic answer, or says goodbye."""
        return self.may_end_quietly and only_closes(self.question)

    @property
    def may_end_quietly(self) -> bool:
        """Whether no reply could be right: short words after an automatic answer, without a question or a file."""
        history = self.conversation.history
        follows_answer = bool(history) and history[-1][0] == "assistant"
        return follows_answer and not self.has_files and may_end_quietly(self.question)

    @property
    def _has_been_answered(self) -> bool:
        # Not by a system message: that a person would look into it answered nothing, and may have been taken back.
        # A summary covers what no longer stands in the history.
        history = self.conversation.history
        return bool(self.conversation.summary) or any(author in {"assistant", "person"} for author, _ in history)


def _adds_content(subject: str, question: str) -> bool:
    known = set(_WORD.findall(question.lower()))
    words = _WORD.findall(subject.lower())
    return any(word not in _GENERIC_WORDS and word not in known for word in words)


ReadHistory = Callable[[ConversationState, datetime | None], Awaitable[list[dict[str, Any]]]]


class SearchKnowledge(Protocol):
    """Finds the best passages of a shelf for a question."""

    async def __call__(self, query: str, *, shelf: Shelf) -> list[Passage]: ...


@dataclass(slots=True)
class TurnContext:
    """The SDK's run context: what the tools may reach, and what they have recorded."""

    turn: Turn
    policy: tuple[PolicyMatch, ...]
    reading: Reading
    reader: MessageReader
    can_translate: bool
    search_knowledge: SearchKnowledge
    read_history: ReadHistory
    prompts: Prompts = SHIPPED_PROMPTS
    knowledge: KnowledgeVersion | None = None
    intent: GuessedIntent | None = None
    passages: list[Passage] = field(default_factory=list)
    best: Passage | None = None
    confidence: float = 0.0
    searches: list[tuple[str, list[Passage]]] = field(default_factory=list)
    categorise: Categorise | None = None
    escalate: Escalate | None = None
    draft: Draft | None = None
    wants_silence: bool = False
    calls: list[ToolCallRecord] = field(default_factory=list)
    model_calls: list[ModelCallRecord] = field(default_factory=list)

    def add_passages(self, query: str, found: list[Passage]) -> None:
        """Number passages in the order in which they were found, and remember the search that fitted best.

        Only the customer's own words count for confidence: a model could ask something easier than what was asked.
        Where the passage found is in another language, a model's translation of them is all there is to count.
        """
        known = {passage.id for passage in self.passages}
        self.passages += [passage for passage in found if passage.id not in known]
        is_asked = query in self.turn.queries or (self.can_translate and self._is_foreign(next(iter(found), None)))
        confidence = 0.0
        if is_asked:
            self.searches.append((query, found))
            confidence = estimate_answerability(query, found)
        if found and (self.best is None or confidence > self.confidence):
            self.best, self.confidence = found[0], confidence

    def rate(self, cited: Sequence[Passage]) -> float:
        """The confidence in an answer that rests on these: that of their topics' best passage for what was asked."""
        topics = {passage.topic_id for passage in cited}

        def rate_search(query: str, found: Sequence[Passage]) -> float:
            best = next((passage for passage in found if passage.topic_id in topics), None)
            if best is None:
                return 0.0
            return estimate_answerability(query, [best, *(passage for passage in found if passage.id != best.id)])

        return max((rate_search(query, found) for query, found in self.searches), default=0.0)

    def _is_foreign(self, passage: Passage | None) -> bool:
        return passage is not None and passage.language not in {None, self.reading.language}

    @property
    def knowledge_languages(self) -> frozenset[str]:
        """The languages that customers can be answered in from the knowledge alone."""
        return frozenset(self.knowledge.languages if self.knowledge else ()) or frozenset({DEFAULT_LANGUAGE})

    @property
    def is_settled(self) -> bool:
        """Whether the brain has said what is to become of the turn."""
        return self.draft is not None or self.escalate is not None

    def show(self, passages: Sequence[Passage]) -> list[dict[str, Any]]:
        """Passages as a model reads them, each with the number by which it is cited.

        The title of a resolution is another customer's question: it stays out of what is told to this one.
        """
        numbers = {passage.id: number for number, passage in enumerate(self.passages, start=1)}
        return [
            {"number": numbers[passage.id], "title": passage.public_title, "text": passage.content}
            for passage in passages
        ]

    def cite(self, number: int) -> Citation:
        """The citation for a passage's number; raises IndexError for a number that no passage has."""
        if not 1 <= number <= len(self.passages):
            raise IndexError(number)
        passage = self.passages[number - 1]
        return Citation(
            number=number,
            passage_id=passage.id,
            source=passage.public_source,
            title=passage.public_title,
            excerpt=passage.content[:EXCERPT_CHARACTERS],
        )

    def collect_evidence(self) -> Evidence:
        """What is known now. Sentiment is that of the customer's own words, whatever a model had analysed."""
        # A model that was talked into silence must not leave a complaint lying, also not one in a language whose words
        # we do not know.
        sounds_content = sounds_like_closing(self.turn.question) or self.reading.sentiment.score >= _CONTENT
        is_let_be = self.wants_silence and self.turn.may_end_quietly and sounds_content
        return Evidence(
            policy=self.policy,
            sentiment=self.reading.sentiment,
            best=self.best,
            confidence=self.confidence,
            automatic_replies=self.turn.conversation.automatic_replies,
            ticket_category=self.turn.conversation.ticket_category,
            needs_answer=not (self.turn.only_closes or is_let_be),
            sentiment_trend=self.reading.sentiment_trend,
            language=self.reading.language,
            knowledge_languages=self.knowledge_languages,
            channel=self.turn.conversation.channel,
            intent=self.intent,
            can_be_told=self.can_translate or not self._is_foreign(self.best),
        )

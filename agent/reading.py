"""What is read from the customer's messages before any brain thinks: their language, and how the customer feels."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.decision.language import DEFAULT_LANGUAGE, choose_language, detect_language
from agent.decision.mood import MoodModel
from agent.decision.sentiment import Sentiment, analyze, measure_trend
from agent.knowledge.embed import AsyncEmbedder
from database.types import ConversationState

ListLanguages = Callable[[datetime | None], Awaitable[frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """`sentiment_trend` is the change per message; `knowledge_languages` are the languages that articles are in."""

    language: str
    sentiment: Sentiment
    sentiment_trend: float
    knowledge_languages: frozenset[str] = frozenset({DEFAULT_LANGUAGE})


class MessageReader:
    """Reads messages. Without an embedder and its mood model, words alone tell how a customer feels."""

    def __init__(
        self,
        list_languages: ListLanguages,
        embedder: AsyncEmbedder | None = None,
        mood: MoodModel | None = None,
    ) -> None:
        self._list_languages = list_languages
        self._embedder = embedder
        self._mood = mood

    async def read(
        self, messages: Sequence[str], conversation: ConversationState, *, as_of: datetime | None = None
    ) -> Reading:
        """The waiting messages as one utterance, after those of the conversation before them.

        With `as_of`, beside the languages that the knowledge had then.
        """
        language = choose_language(messages, conversation.language)
        sentiment = await self._read_sentiment("\n".join(messages), language)
        return Reading(
            language=language,
            sentiment=sentiment,
            sentiment_trend=round(measure_trend([*conversation.sentiments, sentiment.score]), 3),
            knowledge_languages=await self._list_languages(as_of),
        )

    async def read_sentiment(self, text: str) -> Sentiment:
        """How the writer of any text feels."""
        return await self._read_sentiment(text, detect_language(text) or DEFAULT_LANGUAGE)

    async def _read_sentiment(self, text: str, language: str) -> Sentiment:
        if self._embedder is None or self._mood is None or language != DEFAULT_LANGUAGE or not text.strip():
            return analyze(text, language)
        [vector] = await self._embedder.embed([text])
        return self._mood.read(text, vector)

"""What is read from the customer's messages before any brain thinks: their language, and how the customer feels."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.decision.language import DEFAULT_LANGUAGE, choose_language, detect_language
from agent.decision.mood import MoodModel
from agent.decision.sentiment import Sentiment, analyze, measure_trend
from agent.knowledge.embed import AsyncEmbedder
from database.types import ConversationState


@dataclass(frozen=True, slots=True)
class Reading:
    """`sentiment_trend` is the change per message."""

    language: str
    sentiment: Sentiment
    sentiment_trend: float


class MessageReader:
    """Reads messages. Without an embedder and its mood model, words alone tell how a customer feels."""

    def __init__(self, embedder: AsyncEmbedder | None = None, mood: MoodModel | None = None) -> None:
        self._embedder = embedder
        self._mood = mood

    async def read(self, messages: Sequence[str], conversation: ConversationState) -> Reading:
        """The waiting messages as one utterance, after those of the conversation before them."""
        language = choose_language(messages, conversation.language)
        sentiment = await self._read_sentiment("\n".join(messages), language)
        return Reading(
            language=language,
            sentiment=sentiment,
            sentiment_trend=round(measure_trend([*conversation.sentiments, sentiment.score]), 3),
        )

    async def read_sentiment(self, text: str) -> Sentiment:
        """How the writer of any text feels."""
        return await self._read_sentiment(text, detect_language(text) or DEFAULT_LANGUAGE)

    async def _read_sentiment(self, text: str, language: str) -> Sentiment:
        if self._embedder is None or self._mood is None or language != DEFAULT_LANGUAGE or not text.strip():
            return analyze(text, language)
        [vector] = await self._embedder.embed([text])
        return self._mood.read(text, vector)

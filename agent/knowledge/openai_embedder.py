"""Embeddings by OpenAI or a compatible server."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from openai import OpenAI, OpenAIError

from agent.knowledge.embedder import EmbeddingFailed
from core.settings import EmbeddingSettings, OpenAISettings
from core.tracing import trace_step
from database.queries.vectors import LARGE

# The API takes 2,048 texts and 300,000 tokens a request; passages have 250 tokens.
BATCH_TEXTS = 256
# It refuses longer texts, of 8,192 tokens, as a whole, and an empty one as well.
MAX_CHARACTERS = 8_000
_NOTHING = " "


class OpenAIEmbedder:
    """An Embedder (see agent.knowledge.embedder) whose vectors have LARGE numbers, asked for whatever the model."""

    def __init__(self, embedding: EmbeddingSettings, openai: OpenAISettings) -> None:
        self._model = embedding.openai_model
        self._client = OpenAI(
            api_key=openai.api_key.get_secret_value() if openai.api_key else "",
            base_url=openai.base_url,
            timeout=embedding.timeout_seconds,
            # A question goes to the local model at once; passages wait for the next round in the background.
            max_retries=0,
        )

    @property
    def name(self) -> str:
        """The model and, as OpenAI names no version, the length its vectors were asked in."""
        return f"{self._model}@{LARGE}"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), LARGE), rows of unit length. A text counts up to its first MAX_CHARACTERS.

        Raises EmbeddingFailed when the server refuses, cannot be reached, or answers with other vectors than asked for.
        """
        batches = [texts[start : start + BATCH_TEXTS] for start in range(0, len(texts), BATCH_TEXTS)]
        vectors = [
            self._embed_batch([text[:MAX_CHARACTERS].strip() or _NOTHING for text in batch]) for batch in batches
        ]
        return np.concatenate(vectors) if vectors else np.empty((0, LARGE), np.float32)

    def _embed_batch(self, texts: list[str]) -> npt.NDArray[np.float32]:
        attributes = {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": self._model,
        }
        with trace_step(f"embeddings {self._model}", "client", attributes):
            return self._request(texts)

    def _request(self, texts: list[str]) -> npt.NDArray[np.float32]:
        try:
            # The client asks for base64 by itself and decodes it.
            answer = self._client.embeddings.create(model=self._model, input=texts, dimensions=LARGE)
            vectors = np.array([row.embedding for row in sorted(answer.data, key=lambda row: row.index)], np.float32)
        except (
            OpenAIError,
            ValueError,
            TypeError,
            AttributeError,
        ) as error:  # the latter from what is no answer at all
            raise EmbeddingFailed(type(error).__name__) from error
        if vectors.shape != (len(texts), LARGE):
            raise EmbeddingFailed(f"vectors of shape {vectors.shape} instead of {(len(texts), LARGE)}")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise EmbeddingFailed("vectors without a direction")
        unit: npt.NDArray[np.float32] = vectors / lengths
        return unit

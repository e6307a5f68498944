"""Loading the embedding models, or going on without."""

from agent.knowledge.embedder import Embedder, Embedders
from agent.knowledge.minilm import ModelMissing, load_minilm
from core.logging import get_logger
from core.settings import EmbeddingSettings, OpenAISettings

_log = get_logger(__name__)


def load_embedder(settings: EmbeddingSettings) -> Embedder | None:
    """The local embedding model, or None, said aloud, where its weights are not installed."""
    try:
        return load_minilm(settings.model_dir, threads=settings.threads)
    except ModelMissing as error:
        _log.warning("no local embedding model", reason=str(error))
        return None


def load_embedders(embedding: EmbeddingSettings, openai: OpenAISettings) -> Embedders:
    """The local model and, where the settings ask for it and there is a key, OpenAI's beside it."""
    local = load_embedder(embedding)
    if embedding.provider == "local" or openai.api_key is None:
        return Embedders(local)
    # Over a second to import; most desks do without.
    from agent.knowledge.openai_embedder import OpenAIEmbedder  # noqa: PLC0415

    return Embedders(local, OpenAIEmbedder(embedding, openai))

"""Loading the embedding model, or going on without it."""

from agent.knowledge.embedder import Embedder
from agent.knowledge.minilm import ModelMissing, load_minilm
from core.logging import get_logger
from core.settings import EmbeddingSettings

_log = get_logger(__name__)


def load_embedder(settings: EmbeddingSettings) -> Embedder | None:
    """The local embedding model, or None, said aloud, where its weights are not installed."""
    try:
        return load_minilm(settings.model_dir, threads=settings.threads)
    except ModelMissing as error:
        _log.warning("no embedding model: searching by words alone", reason=str(error))
        return None

"""Embeddings of our own example sentences, kept on disk: they are the same at every start, and take seconds."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.knowledge.embedder import EMBEDDING_DIMENSIONS, Embedder
from core.ids import new_id
from core.logging import get_logger

_log = get_logger(__name__)

Vectors = npt.NDArray[np.float32]


class SeedEmbedder:
    """An embedder that remembers each list of texts in a file named by the model and the texts."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._folder = folder

    @property
    def name(self) -> str:
        """That of the model behind it."""
        return self._embedder.name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """From the file if there is one that can be read; a folder that cannot be written to costs only time."""
        key = sha256("\0".join([self.name, *texts]).encode()).hexdigest()[:32]
        path = self._folder / f"{key}.npy"
        known = _read(path, len(texts))
        if known is not None:
            return known
        vectors = self._embedder.embed(texts)
        try:
            _write(path, vectors)
        except OSError as error:
            _log.debug("seed embeddings are not kept", error=str(error))
        return vectors


def _read(path: Path, count: int) -> Vectors | None:
    try:
        vectors: Vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.shape == (count, EMBEDDING_DIMENSIONS) and vectors.dtype == np.float32 else None


def _write(path: Path, vectors: Vectors) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two workers may start at the same time: whoever reads sees a whole file or none.
    unfinished = path.with_suffix(f".{new_id().hex}")
    with unfinished.open("wb") as file:
        np.save(file, vectors)
    unfinished.replace(path)

"""Small pieces of knowledge, and embedding models that tests see through."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.knowledge.documents import Document, Section
from agent.knowledge.embedder import Embedder, Embedders, EmbeddingFailed
from agent.knowledge.ingest import Ingested, store_document
from database.pool import DbPool


class WordEmbedder:
    """Texts with the same words are alike: each word is a direction. Remembers what it was asked."""

    def __init__(self, name: str = "words@1", *, dimensions: int = 384) -> None:
        self._name = name
        self._dimensions = dimensions
        self.asked: list[str] = []
        self.is_down = False

    @property
    def name(self) -> str:
        return self._name

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.is_down:
            raise EmbeddingFailed("scripted")
        self.asked += texts
        vectors = np.full((len(texts), self._dimensions), 1e-3, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().replace(".", " ").replace("?", " ").split():
                row[int.from_bytes(sha256(word.encode()).digest()[:4]) % self._dimensions] += 1
        unit: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def make_remote(name: str = "remote@1") -> WordEmbedder:
    """One whose vectors have the other size."""
    return WordEmbedder(name, dimensions=1536)


def make_document(
    title: str = "Opening hours", text: str = "We are open on Monday.", *, heading: str = "", **values: object
) -> Document:
    """An article of one section."""
    return Document(title, "general", (Section(heading, text),), **values)  # type: ignore[arg-type]


async def store(
    pool: DbPool,
    source: str,
    document: Document,
    local: Embedder | None = None,
    remote: Embedder | None = None,
) -> Ingested:
    """Store a document as `kb add` does."""
    return await store_document(pool, Embedders(local, remote), source, document)


def write_files(folder: Path, **texts: str) -> None:
    """Markdown files by their stem."""
    for stem, text in texts.items():
        (folder / f"{stem}.md").write_text(text)

"""What the rest of the agent knows about embeddings: texts go in, vectors of unit length come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

EMBEDDING_DIMENSIONS = 384


class EmbeddingFailed(Exception):
    """The model could not be asked now. Its message names the error's class and no text."""


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity. Calls may come from any thread."""

    @property
    def name(self) -> str:
        """Model and version, recorded beside every vector: vectors of different models must never be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), dimensions), in the order of `texts`, every row of unit length.

        The local model has EMBEDDING_DIMENSIONS. A remote one may raise EmbeddingFailed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Embedders:
    """The models at hand. Texts are embedded by both: where the remote one fails, the local one still finds them."""

    local: Embedder | None = None
    remote: Embedder | None = None

    @property
    def all(self) -> tuple[Embedder, ...]:
        """Those there are, the local one first."""
        return tuple(embedder for embedder in (self.local, self.remote) if embedder is not None)

    @property
    def first_name(self) -> str | None:
        """The model by which texts are compared while they are stored, if there is any."""
        return self.all[0].name if self.all else None

"""What the rest of the agent knows about embeddings: texts go in, vectors of unit length come out."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

EMBEDDING_DIMENSIONS = 384


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity. Calls may come from any thread."""

    @property
    def name(self) -> str:
        """Recorded beside every vector, because vectors of different models must never be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), EMBEDDING_DIMENSIONS), in the order of `texts`, every row of unit length."""
        ...

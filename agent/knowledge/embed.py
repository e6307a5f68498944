"""Embedding from the event loop: in a thread, with the latest texts remembered."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agent.knowledge.embedder import Embedder

Vector = npt.NDArray[np.float32]

_REMEMBERED = 512


class AsyncEmbedder:
    """Wraps an embedder for coroutines. A turn asks for the same question several times; it is embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._recent: OrderedDict[str, Vector] = OrderedDict()

    @property
    def name(self) -> str:
        """The model's name, recorded beside every vector."""
        return self._embedder.name

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector per text, in order."""
        known = {text: self._recent[text] for text in texts if text in self._recent}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            vectors = await asyncio.to_thread(self._embedder.embed, missing)
            known.update(zip(missing, vectors, strict=True))
        self._recent.update(known)
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return [known[text] for text in texts]


def wrap_embedder(embedder: Embedder | None) -> AsyncEmbedder | None:
    """An embedder for coroutines, where there is one."""
    return AsyncEmbedder(embedder) if embedder else None

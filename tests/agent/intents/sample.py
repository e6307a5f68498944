"""A small desk's examples, and an embedder for them that needs no weights."""

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agent.intents.examples import Example
from agent.knowledge.embedder import EMBEDDING_DIMENSIONS

_WISHES = {
    "refund_request": ("my money back", "a refund", "you to return what I paid", "the payment reversed"),
    "parcel_late": ("to know where my parcel is", "my delivery, it is late", "the tracking link", "the box I ordered"),
    "password_reset": ("a new password", "to log in again", "the reset mail", "access, I forgot my code"),
}
_OPENINGS = (
    "I want",
    "Please, I need",
    "hello, can I get",
    "Could you help? I want",
    "URGENT: I need",
    "We would like",
)
_ENDINGS = ("", " for last week", ", thanks", " as soon as you can")

EXAMPLES = [
    Example(f"{opening} {wish}{ending}", label)
    for label, wishes in _WISHES.items()
    for opening in _OPENINGS
    for wish in wishes
    for ending in _ENDINGS
]
STRANGERS = [
    "what is the capital of Peru",
    "tell me a joke about a horse",
    "will it rain in Oslo tomorrow",
    "who won the match on Sunday",
    "play some loud music now",
    "how tall is that famous tower",
    "translate good night into Finnish",
    "is water heavier than oil",
]


class WordEmbedder:
    """An Embedder: each word has a direction of its own, and a text is the sum of its words."""

    name = "words"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors; texts with equal words have equal ones."""
        sums = np.array([self._add_words(text) for text in texts]).reshape(len(texts), EMBEDDING_DIMENSIONS)
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32)

    def _add_words(self, text: str) -> npt.NDArray[np.float64]:
        words = ["", *text.lower().split()]
        seeds = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words]
        directions = [np.random.default_rng(seed).normal(size=EMBEDDING_DIMENSIONS) for seed in seeds]
        return np.asarray(np.sum(directions, axis=0), np.float64)

"""Seed embeddings are kept on disk, and a disk that fails costs only time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.knowledge.embedder import EMBEDDING_DIMENSIONS
from agent.knowledge.seeds import SeedEmbedder


class CountingEmbedder:
    """Gives each text a vector by its length, and counts how often it is asked."""

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """A row per text."""
        self.asked += 1
        return np.array([[len(text)] * EMBEDDING_DIMENSIONS for text in texts], dtype=np.float32)


def test_the_same_texts_are_embedded_once(tmp_path: Path) -> None:
    model = CountingEmbedder()
    first = SeedEmbedder(model, tmp_path / "seeds").embed(["a", "bb"])
    again = SeedEmbedder(model, tmp_path / "seeds").embed(["a", "bb"])
    assert model.asked == 1
    assert np.array_equal(first, again)


def test_other_texts_and_other_models_are_another_matter(tmp_path: Path) -> None:
    model, other = CountingEmbedder(), CountingEmbedder("other")
    seeds = SeedEmbedder(model, tmp_path)
    seeds.embed(["a", "bb"])
    seeds.embed(["a", "bc"])
    SeedEmbedder(other, tmp_path).embed(["a", "bb"])
    assert (model.asked, other.asked) == (2, 1)


def test_a_broken_file_is_replaced(tmp_path: Path) -> None:
    model = CountingEmbedder()
    seeds = SeedEmbedder(model, tmp_path)
    seeds.embed(["a"])
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    seeds.embed(["a"])
    seeds.embed(["a"])
    assert model.asked == 2


def test_a_folder_that_cannot_be_made_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = CountingEmbedder()
    seeds = SeedEmbedder(model, tmp_path / "file" / "seeds")
    assert seeds.embed(["a"]).shape == seeds.embed(["a"]).shape == (1, EMBEDDING_DIMENSIONS)
    assert model.asked == 2

"""What the classifier sees of a text: its words and letter sequences (tf-idf), and its meaning (embedding)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

Array = npt.NDArray[np.float32]

# A letter this long says its wish before here; counting letter sequences of more would take a turn's time.
MAX_CHARACTERS = 4000

_KINDS: Mapping[str, Mapping[str, object]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "letters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


@dataclass(frozen=True, slots=True)
class Features:
    """n texts: `words` of shape (n, terms) and `meaning` of shape (n, dimensions) if there is an embedder.

    Rows of both are of unit length (a text without a known word has no words), so dot products are similarities.
    """

    words: csr_matrix
    meaning: Array | None

    def __len__(self) -> int:
        return int(self.words.shape[0])

    def take(self, rows: npt.NDArray[np.intp]) -> "Features":
        """These texts alone."""
        return Features(self.words[rows], None if self.meaning is None else self.meaning[rows])

    def measure_similarity(self, other: "Features") -> Array:
        """Of meaning, else of words, to every text of `other`: shape (n, len(other))."""
        if self.meaning is None or other.meaning is None:
            return compare_words(self.words, other.words)
        return np.asarray(self.meaning @ other.meaning.T)


def compare_words(words: csr_matrix, others: csr_matrix) -> Array:
    """Cosine similarities of tf-idf rows, shape (n, m)."""
    return np.asarray((words @ others.T).toarray(), np.float32)


class TermWeights:
    """The tf-idf of one collection. Reading is thread-safe; `vocabularies` and `weights` are all that it knows."""

    def __init__(self, vocabularies: Mapping[str, Sequence[str]], weights: Mapping[str, Array]) -> None:
        """Terms in the order of their columns, and the inverse document frequency of each, by kind of term."""
        self.vocabularies = {kind: list(vocabularies[kind]) for kind in _KINDS}
        self.weights = {kind: np.asarray(weights[kind], np.float32) for kind in _KINDS}
        self._vectorizers = [self._rebuild(kind) for kind in _KINDS]

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "TermWeights":
        """Learn terms and weights; at least one text has a word."""
        fitted = {kind: _make_vectorizer(kind).fit([_cut(text) for text in texts]) for kind in _KINDS}
        return cls(
            {kind: list(vectorizer.get_feature_names_out()) for kind, vectorizer in fitted.items()},
            {kind: vectorizer.idf_ for kind, vectorizer in fitted.items()},
        )

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Shape (len(texts), terms), float32, rows of unit length."""
        if not texts:  # scikit-learn refuses to transform nothing
            return csr_matrix((0, sum(map(len, self.vocabularies.values()))), dtype=np.float32)
        cut = [_cut(text) for text in texts]
        parts = hstack([vectorizer.transform(cut) for vectorizer in self._vectorizers], format="csr", dtype=np.float32)
        norms = np.sqrt(np.asarray(parts.multiply(parts).sum(axis=1), np.float32).ravel())
        parts.data /= np.repeat(np.where(norms > 0, norms, 1), np.diff(parts.indptr))
        return csr_matrix(parts)

    def _rebuild(self, kind: str) -> TfidfVectorizer:
        positions = {term: column for column, term in enumerate(self.vocabularies[kind])}
        vectorizer = _make_vectorizer(kind, vocabulary=positions)
        vectorizer.idf_ = self.weights[kind]
        return vectorizer


def _make_vectorizer(kind: str, vocabulary: Mapping[str, int] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(vocabulary=vocabulary, sublinear_tf=True, dtype=np.float32, **_KINDS[kind])


def _cut(text: str) -> str:
    return text[:MAX_CHARACTERS]

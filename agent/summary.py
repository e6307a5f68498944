"""The running summary of a conversation: what was said before the messages that a turn is shown in full."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents import Model, ModelSettings

from agent.compose import shorten
from agent.models.ask import ask_model
from agent.tokens import cut_to_tokens
from agent.window import mark_as_data
from database.types import Author

MAX_CHARACTERS = 2_400
MAX_OUTPUT_TOKENS = 400
_LINE_CHARACTERS = 200
_FIRST_LINES = 2  # what the customer came for must outlive everything else
_MESSAGE_TOKENS = 400
_READ_TOKENS = 4_000  # a turn may have 60,000, and must still be able to answer
_NAMES: dict[Author, str] = {"customer": "Customer", "assistant": "Desk", "person": "Colleague", "system": "Desk"}


@dataclass(frozen=True, slots=True)
class RunningSummary:
    """A summary to be stored. It covers everything but the newest `kept` messages and those that wait."""

    text: str
    kept: int


def extract_summary(summary: str, messages: Sequence[tuple[Author, str]]) -> str:
    """The summary with a line for each further message: its own first words. The middle goes when there is no room."""
    lines = [line for line in summary.splitlines() if line.strip()]
    for author, text in messages:
        said = shorten(" ".join(text.split()), _LINE_CHARACTERS)
        if said:
            lines.append(f"{_NAMES[author]}: {said}")
    while len("\n".join(lines)) > MAX_CHARACTERS and len(lines) > _FIRST_LINES:
        del lines[_FIRST_LINES]
    return "\n".join(lines)[:MAX_CHARACTERS]


async def write_summary(
    model: Model, request: ModelSettings, instructions: str, summary: str, messages: Sequence[tuple[Author, str]]
) -> str:
    """The same in a model's words. Raises whatever the model raises, and ValueError when it says nothing."""
    said = "\n".join(f"{_NAMES[author]}: {cut_to_tokens(text, _MESSAGE_TOKENS)}" for author, text in messages)
    earlier = mark_as_data("earlier", f"{summary}\n{cut_to_tokens(said, _READ_TOKENS)}".strip())
    text = await ask_model(model, request, instructions, earlier, max_tokens=MAX_OUTPUT_TOKENS)
    if not text:
        raise ValueError("the model wrote no summary")
    return shorten(text, MAX_CHARACTERS)

"""One question to a model beside the turn's loop: instructions and a text in, a text out."""

from dataclasses import replace

from agents import Model, ModelSettings
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from agent.effects import clean_model_text
from agent.models.whole import Request


async def ask_model(model: Model, request: ModelSettings, instructions: str, text: str, *, max_tokens: int) -> str:
    """What the model says; empty where it says nothing. Raises whatever the model raises."""
    if request.temperature is None and request.max_tokens is not None:
        max_tokens = request.max_tokens  # a model that reasons needs room before its first word
    settings = replace(request, max_tokens=max_tokens)
    response = await Request(instructions, [{"role": "user", "content": text}], settings).put_to(model)
    parts = [part for item in response.output if isinstance(item, ResponseOutputMessage) for part in item.content]
    return clean_model_text("".join(part.text for part in parts if isinstance(part, ResponseOutputText))).strip()

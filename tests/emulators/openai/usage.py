"""Counting tokens, and remembering the beginnings of prompts as the vendor's cache does."""

import json
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

_CHARACTERS_PER_TOKEN = 4
_LEAST_CACHED = 1_024  # a shorter beginning is not cached, and a longer one in steps
_STEP = 128


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; `cached` is a part of `input`."""

    input: int
    cached: int
    output: int


@dataclass(slots=True)
class PromptCache:
    """What prompts have begun with so far. Tools stand before the messages, as they do at the vendor."""

    prompts: list[str] = field(default_factory=list)

    def measure(self, tools: Any, messages: Any, output: str) -> Usage:
        """The usage of a request, whose prompt is then known."""
        prompt = json.dumps([tools, messages])
        longest = max((_count_shared(prompt, known) for known in self.prompts), default=0)
        self.prompts.append(prompt)
        cached = longest // _CHARACTERS_PER_TOKEN
        return Usage(
            input=len(prompt) // _CHARACTERS_PER_TOKEN,
            cached=cached // _STEP * _STEP if cached >= _LEAST_CACHED else 0,
            output=max(1, len(output) // _CHARACTERS_PER_TOKEN),
        )


def _count_shared(prompt: str, known: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(prompt, known, strict=False)))

"""What a vendor says that an answer has used, read from the answer itself.

The SDK reports it with a response alone: of an answer that it cannot read, the bill would be lost with the answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated

import httpx2  # what the openai package speaks HTTP with
from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

# Some servers write null where they mean none.
_Tokens = Annotated[int, BeforeValidator(lambda value: 0 if value is None else value), Field(ge=0, lt=2**31)]


class Usage(BaseModel):
    """Tokens of one answer, as Chat Completions or Responses name them; `cached_tokens` are a part of the input."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    input_tokens: _Tokens = Field(default=0, validation_alias=AliasChoices("prompt_tokens", "input_tokens"))
    output_tokens: _Tokens = Field(default=0, validation_alias=AliasChoices("completion_tokens", "output_tokens"))
    cached_tokens: _Tokens = Field(
        default=0,
        validation_alias=AliasChoices(
            AliasPath("prompt_tokens_details", "cached_tokens"), AliasPath("input_tokens_details", "cached_tokens")
        ),
    )

    @property
    def is_known(self) -> bool:
        """Whether anything is known to have been used."""
        return bool(self.input_tokens or self.output_tokens)


class _Answer(BaseModel):
    usage: Usage | None = None


class _Bill:
    """The usage of the latest answer since it was opened."""

    def __init__(self) -> None:
        self.usage = Usage()


_OPEN_BILL: ContextVar[_Bill | None] = ContextVar("open_bill", default=None)


@contextmanager
def keep_bill() -> Iterator[_Bill]:
    """What is used within the block, by this task. Only clients that call `note_usage` write it."""
    bill = _Bill()
    token = _OPEN_BILL.set(bill)
    try:
        yield bill
    finally:
        _OPEN_BILL.reset(token)


async def note_usage(response: httpx2.Response) -> None:
    """A response hook for the HTTP client of a model."""
    bill = _OPEN_BILL.get()
    if bill is None:
        return
    try:
        bill.usage = _Answer.model_validate_json(await response.aread()).usage or Usage()
    except ValidationError:
        return  # a page of HTML, or a bill that nobody can read

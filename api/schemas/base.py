"""What all bodies share: texts as they may be, requests that refuse unknown fields, problems."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from channels.web.parse import clean_text
from core.passwords import MAX_CHARACTERS


def _clean(value: object) -> object:
    return clean_text(_require_unicode(value)) if isinstance(value, str) else value


def clean_line(value: object) -> object:
    """A text on one line without what no column takes, before it is measured; anything else as it is."""
    return " ".join(clean_text(_require_unicode(value)).split()) if isinstance(value, str) else value


def _keep_whole(value: object) -> object:
    return _require_unicode(value) if isinstance(value, str) else value


def _require_unicode(text: str) -> str:
    """JSON can spell half of a character (a lone surrogate), which no database stores and no page shows."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half of a character (a lone surrogate)") from None
    return text


Name = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=120)]
Subject = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=200)]
MessageText = Annotated[str, BeforeValidator(_clean), StringConstraints(min_length=1, max_length=10_000)]
Identifier = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=320)]
Reason = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=500)]
Comment = Annotated[str, BeforeValidator(_clean), StringConstraints(max_length=2_000)]
# A name out of a list that the desk keeps, such as that of an intent or a route.
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Email = Annotated[EmailStr, BeforeValidator(clean_line), Field(max_length=254)]
# As it was typed: nothing is trimmed or cleaned.
Password = Annotated[SecretStr, BeforeValidator(_keep_whole), Field(min_length=1, max_length=MAX_CHARACTERS)]


class Request(BaseModel):
    """A request body: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """Every error, as RFC 9457 describes it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []

"""A probe through the whole pipeline, and what it reports."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.base import MessageText, Request


class Probe(Request):
    """The question a pipeline probe asks."""

    message: MessageText = "How do I reset my password?"
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0


class ProbeReport(BaseModel):
    """What became of a probe and how many milliseconds each stage took."""

    ticket_ref: str
    outcome: str
    brain: str
    stages_ms: dict[str, float]
    reply: str
    citations: list[str]

"""What staff ask of the workers, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from database.types.inbound import ReplyPath
from database.types.names import Audience, Channel, PassageKind

JobId = NewType("JobId", UUID)

JobKind = Literal["upload", "search", "test_message"]
JobState = Literal["queued", "working", "done", "failed"]

MAX_UPLOAD_BYTES = 10 * 1024 * 1024


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class UploadRequest(_Frozen):
    """A file to become an article. What is None, the document says itself, or it is as always.

    `replaces` is the source of the article that it is a new revision of.
    """

    name: str
    replaces: str | None = None
    category: str | None = None
    audience: Audience | None = None
    is_draft: bool | None = None
    asked_by: str = ""

    @property
    def path(self) -> str:
        """Where the file would stand in a folder of documents, whose subfolders are categories."""
        return f"{self.category}/{self.name}" if self.category else self.name

    @property
    def source(self) -> str:
        """Under what the article is known: a file of the same name and category makes a new revision of it."""
        return self.replaces or self.path


class UploadAnswer(_Frozen):
    """What became of a file that was read."""

    article_id: UUID
    passages: int
    is_unchanged: bool
    is_draft: bool


class SearchRequest(_Frozen):
    """A question to try out. `internal` finds also what customers must not read."""

    query: str
    limit: int
    audience: Audience = "public"
    language: str | None = None


class FoundPassage(_Frozen):
    """A passage with the parts of its score, as `Passage` explains them."""

    id: UUID
    article_id: UUID
    source: str
    kind: PassageKind
    category: str
    language: str | None
    title: str
    heading: str
    excerpt: str
    score: float
    by_meaning: float | None
    by_words: float
    by_name: float


class SearchAnswer(_Frozen):
    """What a question finds, best first, and what the desk would make of it.

    `corrected` is the question as it was meant, where words seem mistyped. `is_sure` says whether the chance that the
    best passage answers it reaches what is required of an automatic answer; what is learned per intent is left out.
    """

    passages: tuple[FoundPassage, ...]
    corrected: str | None
    confidence: float
    required_confidence: float
    is_sure: bool
    milliseconds: float


class TrialMessage(_Frozen):
    """A message that only shows that an inbox can send: no conversation, no customer, no turn."""

    channel: Channel
    inbox: str
    to: str
    path: ReplyPath
    text: str


class TrialReceipt(_Frozen):
    """The vendor took it, under this name of its own."""

    vendor_id: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a worker holds, until its lease ends."""

    id: JobId
    kind: JobKind
    request: str  # JSON of the request of its kind
    content: bytes | None
    lease_token: UUID


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as those see it who wait for it. `request` and `answer` are JSON; the answer is there once it is done."""

    id: JobId
    kind: JobKind
    state: JobState
    request: str
    total: int | None
    embedded: int
    answer: str | None
    problem: str | None
    created_at: datetime
    finished_at: datetime | None

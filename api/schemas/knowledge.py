"""The bodies of requests and responses about the knowledge."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from api.schemas.base import Request, clean_line
from database.types import Audience, PassageKind
from database.types.jobs import FoundPassage

Query = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=2_000)]
Category = Annotated[
    str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=80, pattern=r"^[^/\\]+$")
]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
FileName = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=200)]


class ArticleQuery(Request):
    """Which articles to list. `q` are words that all stand in them, `cursor` the `next_cursor` of the page before."""

    q: Query | None = None
    kind: PassageKind | None = None
    category: Category | None = None
    audience: Audience | None = None
    language: Language | None = None
    is_published: bool | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class ArticleRow(BaseModel):
    """An article as it was loaded last. `hints` counts the passages that a person should look at."""

    id: UUID
    source: str
    kind: PassageKind
    title: str
    category: str
    language: str | None
    audience: Audience
    passages: int
    revisions: int
    hints: int
    is_published: bool
    created_at: datetime
    updated_at: datetime


class Articles(BaseModel):
    """A page of articles, changed last first. `next_cursor` opens the next one, if there is one."""

    articles: list[ArticleRow]
    next_cursor: UUID | None


class RevisionView(BaseModel):
    """What an article said from `created_at` on, and whether it is this that the agent reads."""

    id: UUID
    title: str
    language: str | None
    audience: Audience
    passages: int
    words: int
    is_published: bool
    created_at: datetime


class PassageView(BaseModel):
    """One passage; `questions` are what customers ask that it answers."""

    id: UUID
    heading: str
    content: str
    questions: list[str]


class HintView(BaseModel):
    """Another passage that says the same as one of this article, or may contradict it."""

    kind: Literal["duplicate", "contradiction"]
    reason: str
    heading: str
    other_article_id: UUID
    other_title: str
    other_heading: str


class ArticleView(ArticleRow):
    """An article with its past. `rests_on` is the article that a learned answer was taken from, `ticket_ref` where."""

    rests_on: UUID | None
    ticket_ref: str | None
    revision_list: list[RevisionView]
    passage_list: list[PassageView]
    hint_list: list[HintView]


UploadState = Literal["queued", "reading", "embedding", "done", "failed"]


class UploadView(BaseModel):
    """A file on its way to become an article.

    `to_embed` are its texts that the models embed, which is known once it is read, and `embedded` how many are;
    `passages` is what came of it. `problem` says why it failed. A file that says what the article says already is
    `is_unchanged` and makes no new revision.
    """

    id: UUID
    name: str
    state: UploadState
    to_embed: int | None
    embedded: int
    passages: int | None
    problem: str | None
    article_id: UUID | None
    is_unchanged: bool
    is_draft: bool
    uploaded_by: str
    created_at: datetime
    finished_at: datetime | None


class Uploads(BaseModel):
    """A page of uploads, newest first. `next_cursor` opens the next one, if there is one."""

    uploads: list[UploadView]
    next_cursor: UUID | None


class UploadForm(Request):
    """What may be said of a file beside it. What is left out, the document says itself, or it is as always.

    `replaces` is the id of the article that it is a new revision of; the article's category stays unless one is given.
    """

    replaces: UUID | None = None
    category: Category | None = None
    audience: Audience | None = None
    is_draft: bool | None = None


class SearchTrial(Request):
    """A question, as a customer would write it. `internal` finds also what customers must not read."""

    query: Query
    limit: Annotated[int, Field(ge=1, le=20)] = 6
    audience: Audience = "public"
    language: Language | None = None


class SearchResult(BaseModel):
    """The ranked passages with what each score is made of, and whether the desk would be sure enough to answer.

    `corrected` is the question as it was meant, where words seem mistyped. `search_ms` is the worker's share of
    `total_ms`.
    """

    passages: list[FoundPassage]
    corrected: str | None
    confidence: float
    required_confidence: float
    is_sure: bool
    search_ms: float
    total_ms: float

"""What a search finds, and what a reply says it rests on."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from database.types.names import PassageKind

EARLIER_ANSWER = "an earlier answer"


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage found for a question.

    `similarity` is of cosines with passage and title, in [-1, 1], or None without an embedding model; `lexical` is
    BM25 scaled so that the best passage of the search has 1; `named` is above 0 where an identifier of the question
    stands in the passage, 1 where it stands nowhere else; `score` fuses them and orders the results. `rests_on` is the
    article that a resolution was taken from, with its title if customers may read it; `language` is None where it may
    be any.
    """

    id: UUID
    article_id: UUID
    source: str
    category: str
    title: str
    heading: str
    content: str
    similarity: float | None
    lexical: float
    score: float
    kind: PassageKind = "article"
    named: float = 0.0
    rests_on: UUID | None = None
    rests_on_title: str | None = None
    language: str | None = None

    @property
    def topic_id(self) -> UUID:
        """Passages of one topic say the same: those of an article and of the resolutions taken from it."""
        return self.rests_on or self.article_id

    @property
    def public_source(self) -> str:
        """What customers may know of where it stands. A resolution is named after another customer's ticket."""
        return EARLIER_ANSWER if self.kind == "resolution" else self.source

    @property
    def public_title(self) -> str:
        """What customers are shown as its source. The title of a resolution is what another customer wrote."""
        if self.kind == "resolution":
            return self.rests_on_title or self.category.capitalize()
        return self.title if self.heading in {"", self.title} else f"{self.title}: {self.heading}"


class Citation(BaseModel):
    """The passage an automatic reply rests on, as its customer may know it."""

    model_config = ConfigDict(frozen=True)

    number: int
    passage_id: UUID
    source: str
    title: str
    excerpt: str

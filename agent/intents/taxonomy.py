"""The intents a desk starts with, before it has learned from its own tickets: taxonomy.yaml, which explains itself."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.decision.policy import Route
from agent.intents.examples import Example
from core.errors import OperatorError
from database.types import TicketCategory

TAXONOMY_FILE = Path(__file__).with_name("taxonomy.yaml")


class Intent(BaseModel):
    """Something customers want: the label's `id`, what is said of it to people, and where its tickets belong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str
    category: TicketCategory
    route: Route
    examples: tuple[str, ...] = Field(min_length=1)


class Taxonomy(BaseModel):
    """All intents, and messages that none of them covers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intents: tuple[Intent, ...] = Field(min_length=2)
    out_of_scope: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _require_unique_ids(self) -> "Taxonomy":
        ids = [intent.id for intent in self.intents]
        if repeated := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"intents defined twice: {', '.join(sorted(repeated))}")
        return self

    def list_examples(self) -> list[Example]:
        """Every example with its intent, in the order of the file."""
        return [Example(text, intent.id) for intent in self.intents for text in intent.examples]

    def find(self, label: str) -> Intent | None:
        """The intent of this id."""
        return next((intent for intent in self.intents if intent.id == label), None)


def load_taxonomy(path: Path = TAXONOMY_FILE) -> Taxonomy:
    """Read a taxonomy; raises OperatorError that says what is wrong with the file."""
    try:
        return Taxonomy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise OperatorError(f"{path} is not a taxonomy: {error}") from None

"""The intents a desk starts with, before it has learned from its own tickets: taxonomy.yaml, which explains itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.decision.policy import PolicyMatch
from agent.intents.classifier import IntentGuess
from agent.intents.examples import Example
from core.errors import OperatorError
from database.types import Route, TicketCategory

TAXONOMY_FILE = Path(__file__).with_name("taxonomy.yaml")
# The one in C reads thousands of examples in 0.04 seconds instead of 0.4, at every start.
_YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Intent(BaseModel):
    """Something customers want: the label's `id`, what is said of it to people, and where its tickets belong.

    `rule` is the policy rule that a message of this intent falls under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str
    category: TicketCategory
    route: Route
    rule: str | None = None
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


@dataclass(frozen=True, slots=True)
class GuessedIntent:
    """What the classifier takes a message for, what the taxonomy says of that, and the rule that follows from it.

    `rule` is None unless the intent has one and the guess is sure; `version` is the classifier's.
    """

    intent: Intent
    guess: IntentGuess
    rule: PolicyMatch | None = None
    version: str = ""


def load_taxonomy(path: Path = TAXONOMY_FILE) -> Taxonomy:
    """Read a taxonomy; raises OperatorError that says what is wrong with the file."""
    try:
        read = yaml.load(path.read_text(encoding="utf-8"), _YAML_LOADER)  # noqa: S506  # either loader is a safe one
        return Taxonomy.model_validate(read)
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise OperatorError(f"{path} is not a taxonomy: {error}") from None

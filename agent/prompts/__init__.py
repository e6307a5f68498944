"""The instructions of the model, versioned by their content.

What never changes stands first: a vendor that caches the beginning of a prompt then finds it again in every turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from core.errors import OperatorError
from database.types import Channel

NO_REPLY = "NO_REPLY"  # what a brain ends with that finds no answer wanted

_STATIC, _TURN, _SUMMARY, _STYLES = "support.md", "turn.md", "summary.md", "styles.yaml"
_READ_STYLES = TypeAdapter(dict[Channel, str])


class PromptsUnusable(OperatorError):
    """A folder does not have the prompt files, or one of them cannot be filled in; the message names it."""


@dataclass(frozen=True)
class Prompts:
    """The files of one folder, by name."""

    files: Mapping[str, str]

    @cached_property
    def text(self) -> str:
        """All of them, as no reply may quote them."""
        return "\n".join(self.files.values())

    @cached_property
    def hash(self) -> str:
        """Their version: the beginning of a hash over names and contents."""
        return sha256(repr(dict(self.files)).encode()).hexdigest()[:12]

    @property
    def summary(self) -> str:
        """The instructions for summing up what was said before."""
        return self.files[_SUMMARY]

    @cached_property
    def _styles(self) -> dict[Channel, str]:
        return _READ_STYLES.validate_python(yaml.safe_load(self.files[_STYLES]))

    def write_instructions(self, *, company: str, channel: Channel, ticket_ref: str, language: str) -> str:
        """The instructions for one turn: the part that is the same for the whole deployment, then what is this turn's.

        `language` is the name of the one that the customer reads.
        """
        this_turn = self.files[_TURN].format(
            channel=channel, style=self._styles[channel], ticket_ref=ticket_ref, language=language
        )
        return f"{self.write_static_instructions(company)}\n{this_turn}"

    def write_static_instructions(self, company: str) -> str:
        """What all turns of a deployment share, byte for byte."""
        return self.files[_STATIC].format(company=company)


def read_prompts(folder: Path) -> Prompts:
    """The prompt files of a folder. Raises PromptsUnusable where one is missing or cannot be filled in."""
    paths = sorted(path for path in folder.glob("*") if path.suffix in {".md", ".yaml"})
    prompts = Prompts({path.name: path.read_text(encoding="utf-8") for path in paths})
    if missing := sorted({_STATIC, _TURN, _SUMMARY, _STYLES} - prompts.files.keys()):
        raise PromptsUnusable(
            f"{folder} has no {' and no '.join(missing)}; copy the files of agent/prompts to begin with"
        )
    try:
        prompts.write_instructions(company="company", channel="web", ticket_ref="TF-1", language="English")
    except (KeyError, IndexError, ValueError, yaml.YAMLError) as error:
        raise PromptsUnusable(f"the prompts in {folder} cannot be filled in: {type(error).__name__}: {error}") from None
    return prompts


SHIPPED_PROMPTS = read_prompts(Path(__file__).parent)

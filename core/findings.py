"""What an examination finds, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "advice", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Neither text holds a secret or a customer's words.

    `found` is one line. `remedy` is one imperative sentence with the exact command or setting; what is ok has none.
    """

    level: Level
    found: str
    remedy: str | None = None

    @classmethod
    def ok(cls, found: str) -> "Finding":
        """It is as it should be."""
        return cls("ok", found)

    @classmethod
    def advice(cls, found: str, remedy: str) -> "Finding":
        """The desk works, and would be better off otherwise."""
        return cls("advice", found, remedy)

    @classmethod
    def problem(cls, found: str, remedy: str) -> "Finding":
        """Something does not work, or soon will not."""
        return cls("problem", found, remedy)

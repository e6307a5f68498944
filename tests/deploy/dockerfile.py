"""Reads our Dockerfile, strictly: what it does not know is an error."""

import json
import re
import shlex
from dataclasses import dataclass, field

_KNOWN = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "RUN", "STOPSIGNAL", "USER", "WORKDIR"}
_FLAG = re.compile(r"--([a-z]+)=(\S+)\s+")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals, its flags, and what stands behind them."""

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """What a shell would make of it."""
        return shlex.split(self.text)

    @property
    def argv(self) -> list[str]:
        """The words of the exec form; a ValueError for the shell form, in which no signal arrives."""
        argv = json.loads(self.text)
        if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
            raise ValueError(f"not the exec form: {self.text}")
        return argv


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: what it begins with, its name, and its instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """Every instruction of this name."""
        return [instruction for instruction in self.instructions if instruction.name == name]

    def last(self, name: str) -> Instruction:
        """The one that counts."""
        return self.all(name)[-1]


def read_dockerfile(text: str) -> list[Stage]:
    """The stages in their order. Every one has a name."""
    stages: list[Stage] = []
    for line in _join_lines(text):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found = re.fullmatch(r"(\S+) AS ([a-z]+)", rest)
            if found is None:
                raise ValueError(f"not a stage with a name: {line}")
            stages.append(Stage(found[1], found[2]))
        elif name not in _KNOWN or not stages:
            raise ValueError(f"unexpected: {line}")
        else:
            stages[-1].instructions.append(_read_instruction(name, rest.strip()))
    return stages


def _join_lines(text: str) -> list[str]:
    """Each instruction as one line, without comments."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.sub(r"\s*\\\n\s*", " ", "\n".join(lines)).splitlines()


def _read_instruction(name: str, text: str) -> Instruction:
    flags = {}
    while name in {"COPY", "RUN"} and (found := _FLAG.match(text)):
        flags[found[1]] = found[2]
        text = text[found.end() :]
    return Instruction(name, flags, text)

"""The instructions: the same beginning in every turn of a deployment, and a version that changes with every file."""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

import agent.prompts
from agent.prompts import PROMPT_HASH, write_instructions, write_static_instructions
from tests.agent.builders import make_agent, make_turn

FOLDER = Path(agent.prompts.__file__).parent
PROMPTS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".md", ".yaml"})


def test_two_turns_share_every_byte_up_to_what_is_theirs() -> None:
    static = write_static_instructions("Harborline")
    first = write_instructions(company="Harborline", channel="web", ticket_ref="TF-20261121-0001", language="English")
    second = write_instructions(company="Harborline", channel="gmail", ticket_ref="TF-20261122-0815", language="German")
    assert first != second
    assert first.startswith(static)
    assert second.startswith(static)
    assert "TF-" not in static
    assert len(static) > 0.8 * len(first)


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.name)
def test_the_version_changes_with_every_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def read_changed(self: Path, *args: str, **kwargs: str) -> str:
        return read(self, *args, **kwargs) + ("\n# changed" if self.name == path.name else "")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", read_changed)
        changed = importlib.reload(agent.prompts).PROMPT_HASH
    assert importlib.reload(agent.prompts).PROMPT_HASH == PROMPT_HASH != changed


async def test_a_run_knows_the_version_and_the_very_instructions_it_had() -> None:
    turn = make_turn()
    other = replace(turn, conversation=replace(turn.conversation, ticket_ref="TF-20261121-0002"))
    first, again, second = [await make_agent().run_turn(each) for each in (turn, turn, other)]
    assert first.prompt_hash == second.prompt_hash == PROMPT_HASH
    assert first.instructions_hash == again.instructions_hash != second.instructions_hash

"""The instructions: the same beginning in every turn of a deployment, and a version that changes with every file."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import agent.prompts
from agent.prompts import SHIPPED_PROMPTS, Prompts, PromptsUnusable, read_prompts
from tests.agent.builders import make_agent, make_turn

FOLDER = Path(agent.prompts.__file__).parent
PROMPTS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".md", ".yaml"})


def test_two_turns_share_every_byte_up_to_what_is_theirs() -> None:
    write_instructions = SHIPPED_PROMPTS.write_instructions
    static = SHIPPED_PROMPTS.write_static_instructions("Harborline")
    first = write_instructions(company="Harborline", channel="web", ticket_ref="TF-20261121-0001", language="English")
    second = write_instructions(company="Harborline", channel="gmail", ticket_ref="TF-20261122-0815", language="German")
    assert first != second
    assert first.startswith(static)
    assert second.startswith(static)
    assert "TF-" not in static
    assert len(static) > 0.8 * len(first)


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.name)
def test_the_version_changes_with_every_file(path: Path, tmp_path: Path) -> None:
    for each in PROMPTS:
        shutil.copy(each, tmp_path)
    assert read_prompts(tmp_path).hash == SHIPPED_PROMPTS.hash
    changed = tmp_path / path.name
    changed.write_text(changed.read_text() + "\n# changed")
    assert read_prompts(tmp_path).hash != SHIPPED_PROMPTS.hash


def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(PromptsUnusable, match=r"styles\.yaml and no summary\.md"):
        read_prompts(tmp_path)
    for each in PROMPTS:
        shutil.copy(each, tmp_path)
    (tmp_path / "turn.md").write_text("Write to {customer_name}.")
    with pytest.raises(PromptsUnusable, match="customer_name"):
        read_prompts(tmp_path)


async def test_other_prompts_reach_the_model_and_the_record() -> None:
    other = Prompts({**SHIPPED_PROMPTS.files, "support.md": "Be brief, {company}."})
    result = await make_agent(prompts=other).run_turn(make_turn())
    assert result.prompt_hash == other.hash != SHIPPED_PROMPTS.hash


async def test_a_run_knows_the_version_and_the_very_instructions_it_had() -> None:
    turn = make_turn()
    other = replace(turn, conversation=replace(turn.conversation, ticket_ref="TF-20261121-0002"))
    first, again, second = [await make_agent().run_turn(each) for each in (turn, turn, other)]
    assert first.prompt_hash == second.prompt_hash == SHIPPED_PROMPTS.hash
    assert first.instructions_hash == again.instructions_hash != second.instructions_hash

"""Reading a taxonomy: what is wrong with a file is said."""

from pathlib import Path

import pytest

from agent.intents.examples import Example
from agent.intents.taxonomy import load_taxonomy
from core.errors import OperatorError

TWO_INTENTS = """
intents:
  - {id: late, title: Late, description: It is late., category: orders, route: general, examples: [where is it]}
  - {id: refund, title: Refund, description: Money back., category: billing, route: billing, examples: [a, b]}
out_of_scope: [what a day]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "taxonomy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_intents_are_read_with_their_examples(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(write(tmp_path, TWO_INTENTS))
    assert taxonomy.list_examples() == [Example("where is it", "late"), Example("a", "refund"), Example("b", "refund")]
    assert taxonomy.out_of_scope == ("what a day",)
    refund = taxonomy.find("refund")
    assert refund is not None
    assert (refund.category, refund.route) == ("billing", "billing")
    assert taxonomy.find("unknown") is None


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("id: refund", "id: late", "defined twice: late"),
        ("category: orders", "category: parcels", "category"),
        ("route: general", "route: nowhere", "route"),
        ("title: Late", "titel: Late", "titel"),
        ("examples: [a, b]", "examples: []", "examples"),
        ("id: refund", "id: Re fund", "id"),
        ("intents:", "intents: [", "not a taxonomy"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    with pytest.raises(OperatorError, match=complaint):
        load_taxonomy(write(tmp_path, TWO_INTENTS.replace(before, after)))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nowhere\.yaml is not a taxonomy"):
        load_taxonomy(tmp_path / "nowhere.yaml")

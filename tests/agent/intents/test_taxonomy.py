"""The default taxonomy is data that the classifier is trained on: it must be valid, broad, and say nothing twice."""

import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml

from agent.decision.policy import POLICY_FILE, read_policy
from agent.knowledge.embedder import Embedder
from database.types import Route, TicketCategory

TAXONOMY_FILE = Path(__file__).parents[3] / "agent" / "intents" / "taxonomy.yaml"
MIN_EXAMPLES = 30
MIN_OUT_OF_SCOPE = 250
TWINS = 0.97  # above this cosine one of two examples teaches nothing


@pytest.fixture(scope="module")
def taxonomy() -> dict[str, Any]:
    """The file as written."""
    loaded: dict[str, Any] = yaml.safe_load(TAXONOMY_FILE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def lines(taxonomy: dict[str, Any]) -> list[str]:
    """Every example of the file."""
    return [*(text for intent in taxonomy["intents"] for text in intent["examples"]), *taxonomy["out_of_scope"]]


def fold(text: str) -> str:
    """What remains when case, spacing and, unless there is nothing else, punctuation are overlooked."""
    return " ".join(re.findall(r"\w+", text.lower())) or text.strip()


def test_an_intent_of_a_mandatory_matter_names_its_rule(taxonomy: dict[str, Any]) -> None:
    named = {intent["rule"] for intent in taxonomy["intents"] if "rule" in intent}
    rules = read_policy(POLICY_FILE).rules
    assert named <= {rule.id for rule in rules}
    assert named >= {rule.id for rule in rules if rule.level == "always"}


def test_every_intent_has_an_id_of_its_own_and_a_description(taxonomy: dict[str, Any]) -> None:
    ids = [intent["id"] for intent in taxonomy["intents"]]
    assert len(set(ids)) == len(ids) >= 30
    for intent in taxonomy["intents"]:
        assert set(intent) - {"rule"} == {"id", "title", "description", "category", "route", "examples"}
        assert re.fullmatch(r"[a-z]+(?:_[a-z]+)*", intent["id"])
        assert len(intent["description"]) > len(intent["title"]) > 0


def test_categories_and_routes_are_those_of_tickets_and_teams(taxonomy: dict[str, Any]) -> None:
    assert {intent["category"] for intent in taxonomy["intents"]} <= set(get_args(TicketCategory))
    assert {intent["route"] for intent in taxonomy["intents"]} <= set(get_args(Route))


def test_a_description_that_points_elsewhere_points_at_an_intent(taxonomy: dict[str, Any]) -> None:
    ids = {intent["id"] for intent in taxonomy["intents"]}
    for intent in taxonomy["intents"]:
        assert set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", intent["description"])) <= ids


def test_there_are_enough_examples_of_everything(taxonomy: dict[str, Any]) -> None:
    assert {intent["id"] for intent in taxonomy["intents"] if len(intent["examples"]) < MIN_EXAMPLES} == set()
    assert len(taxonomy["out_of_scope"]) >= MIN_OUT_OF_SCOPE


def test_nothing_is_said_twice(lines: list[str]) -> None:
    seen: dict[str, str] = {}
    for line in lines:
        assert isinstance(line, str), f"{line!r} needs quotes"
        assert seen.setdefault(fold(line), line) is line


def test_no_example_is_a_sentence_of_the_policy(lines: list[str]) -> None:
    # Otherwise what is measured of the one on the other would be learnt by heart.
    policy = read_policy(POLICY_FILE)
    seeds = {*policy.harmless, *(text for rule in policy.rules for text in (*rule.examples, *rule.counter_examples))}
    assert {fold(line) for line in lines} & {fold(seed) for seed in seeds} == set()


def test_no_two_examples_mean_nearly_the_same_to_the_embedder(lines: list[str], embedder: Embedder) -> None:
    vectors = embedder.embed(lines)
    likeness = np.triu(vectors @ vectors.T, k=1)
    assert [(lines[a], lines[b]) for a, b in np.argwhere(likeness > TWINS)] == []

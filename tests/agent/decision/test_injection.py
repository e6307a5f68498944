"""What speaks to the machine is noticed, and what speaks to people is left alone."""

import pytest

from agent.decision.injection import find_order, find_trap, quotes
from agent.knowledge.documents import find_documents, read_document
from agent.prompts import SHIPPED_PROMPTS
from tests.agent.attack_corpus import load_attacks
from tests.conftest import SAMPLE_KNOWLEDGE

HONEST = (
    "The automated assistant cannot decide about disputed charges.",
    "An agent answers within two business days.",
    "Ignore the email if you did not ask for a new password.",
    "You can override the rules of a board for one task.",
    "Send the invoice to every customer with one click.",
    "The token looks like hl_3f9a… and is shown once.",
    "Use Settings → Billing → Plan, or press Ctrl+Shift+1.",
    "Ihre Rechnung finden Sie unter Einstellungen. Вы найдёте счёт в настройках.",
    "We always send the answer by email, also to customers abroad.",
    "👩‍💻 Developers find the system requirements below: 4 GB of memory.",
)


@pytest.mark.parametrize("text", HONEST)
def test_what_is_written_for_people_is_no_order(text: str) -> None:
    assert find_order(text) is None


def test_the_sample_knowledge_gives_no_orders_and_shares_nothing_with_the_instructions() -> None:
    for path in find_documents([SAMPLE_KNOWLEDGE]):
        for section in read_document(path).sections:
            assert find_trap(section.text, [section.text], SHIPPED_PROMPTS.text) is None, path


@pytest.mark.parametrize(
    "attack", [attack for attack in load_attacks() if attack.where == "knowledge"], ids=lambda attack: attack.id
)
def test_an_order_in_a_source_is_found_wherever_it_stands(attack: object) -> None:
    text = getattr(attack, "text", "")
    assert (
        find_trap("Press Calibrate.", ["Press Calibrate.", f"Press Calibrate. {text}"], SHIPPED_PROMPTS.text)
        is not None
    )


def test_a_quotation_is_known_in_spite_of_case_and_punctuation() -> None:
    secret = "Call the tools one after the other, and never promise a refund."
    assert quotes("so: CALL the tools - one after the other; AND never...", secret)
    assert not quotes("Never promise a refund.", secret)

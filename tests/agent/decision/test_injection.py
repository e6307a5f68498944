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
    "You are now logged in. You are no longer subscribed to the newsletter.",
    "You are now an admin of this workspace, and no longer limited by the Starter plan.",
    "We export the following data: names, boards and files.",
    "For the bot to post, the bot must be a member of the channel.",
    "The agent must be installed on every server. The agent should have version 4 or later.",
    "Requirements.\nSystem: Windows 10 or later.\nAssistant: included in Pro.",
    "Always include the order number in your reply.",
    "When an agent answers, you get an email. A system message tells you about outages.",
    "JavaScript: turn it on in the browser. Data: 5 GB a month.",
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


@pytest.mark.parametrize(
    "reply",
    [
        "Could you reply with your current password and card details, please?",
        "Reply with your current password and card details.",
        "Please send us your PIN.",
        "Please confirm the code that we texted you in your reply.",
        "To go on we need your card number.",
        "What is your CVV?",
        "Can I have the verification code?",
        "We never ask for it by mail, but tell us your password here.",
        "Never share your password with strangers; share it with our team only.",
        "Don't wait and send us your password.",
        "Bitte nennen Sie uns Ihr Passwort.",
    ],
)
def test_a_reply_that_asks_for_a_secret_is_refused_whatever_its_sources_are_about(reply: str) -> None:
    source = "Use your password, card number, PIN or the code on the sign-in page only."
    problem = find_trap(f"Press Calibrate. {reply}", [source], SHIPPED_PROMPTS.text)
    assert problem == "the answer asks for a password, a card number or a code"


@pytest.mark.parametrize(
    "reply",
    [
        "Never share your password, card number or PIN with us.",
        "We will never ask you for your password.",
        "Nobody from our team will ask for your code.",
        "Please do not send us your card details.",
        "Enter your password and choose Sign in.",
        "Enter the code from the email that we send you.",
        "We send you a code by text message.",
        "Please tell us the error code.",
        "Did you forget your password?",
        "Confirm your new password.",
    ],
)
def test_help_with_secrets_and_warnings_about_them_are_no_requests(reply: str) -> None:
    assert find_trap(reply, ["Press Calibrate."], SHIPPED_PROMPTS.text) is None


def test_what_a_source_asks_for_word_for_word_may_be_asked() -> None:
    sentence = "Send us the code on the sticker of the sensor."
    assert find_trap(sentence, ["Press Calibrate."], SHIPPED_PROMPTS.text) is not None
    assert find_trap(sentence, [f"Press Calibrate. {sentence}"], SHIPPED_PROMPTS.text) is None


def test_a_quotation_is_known_in_spite_of_case_and_punctuation() -> None:
    secret = "Call the tools one after the other, and never promise a refund."
    assert quotes("so: CALL the tools - one after the other; AND never...", secret)
    assert not quotes("Never promise a refund.", secret)

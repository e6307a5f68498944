"""Thanks and goodbyes want no answer; whatever says a word more does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decision.closing import MAX_CHARACTERS, only_closes, says_it_failed
from agent.decision.policy import PolicyMatch
from agent.models.brain import OFFLINE_BRAIN
from agent.run import TurnResult
from database.types import Author
from tests.agent.builders import make_agent, make_turn
from tests.agent.models.asking import make_brain, run_with
from tests.emulators.openai.script import Say
from tests.emulators.openai.server import serve_openai

ANSWERED: tuple[tuple[Author, str], ...] = (
    ("customer", "How do I reset it?"),
    ("assistant", "Select Forgot password."),
)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "thank you so much, that worked",
        "Perfect, it works now. Thanks for your help!",
        "ok",
        "👍",
        "🙏🏽",
        "Great, thanks a lot. Have a nice day!",
        "Vielen Dank für die schnelle Hilfe!",
        "Muchas gracias",
        "Merci beaucoup pour votre aide",
        "Obrigado",
        "Grazie mille",
        "Bedankt",
    ],
)
def test_mere_thanks_close(text: str) -> None:
    assert only_closes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thanks, but it still does not work",
        "Thanks for nothing",
        "No thanks",
        "Thanks. And how do I export?",
        "Thanks, one more thing",
        "thanks in advance for the refund",
        "Please answer, thanks",
        "help me thanks",
        "It works not",
        "thanks 12345",
        "not ok",
        "Danke, geht aber nicht",
        "Ok, cancel my account then",
        "thanks thanks thanks thanks thanks thanks thanks thanks thanks thanks thanks thanks thanks",
        "👍 but why",
    ],
)
def test_anything_more_than_thanks_is_answered(text: str) -> None:
    assert not only_closes(text)


@given(st.text(min_size=1), st.sampled_from(["Thanks!", "ok", "Merci"]))
def test_no_text_of_length_and_no_question_closes(text: str, thanks: str) -> None:
    assert not only_closes(thanks + " thanks" * MAX_CHARACTERS)
    assert not only_closes(f"{thanks} {text}?")


async def run(
    message: str, history: tuple[tuple[Author, str], ...] = ANSWERED, policy: tuple[PolicyMatch, ...] = ()
) -> TurnResult:
    turn = make_turn(message)
    turn = replace(turn, conversation=replace(turn.conversation, history=history))
    return await make_agent(policy=policy).run_turn(turn)


async def test_thanks_after_an_automatic_answer_are_met_with_silence_and_nothing_is_done() -> None:
    result = await run("Thanks, that worked!")
    assert (result.decision.action, result.decision.rule) == ("stay_silent", "needs_no_answer")
    assert (result.draft, result.categorise, result.calls) == (None, None, ())
    assert result.description["needs_answer"] is False


@pytest.mark.parametrize("author", ["customer", "person", "system"])
async def test_thanks_after_anything_else_are_not(author: Author) -> None:
    assert (await run("Thanks!", (*ANSWERED, (author, "I am on it.")))).decision.action != "stay_silent"
    assert (await run("Thanks!", ())).decision.action != "stay_silent"


@pytest.mark.parametrize("level", ["always", "likely"])
async def test_a_rule_that_speaks_of_the_message_is_stronger_than_silence(level: str) -> None:
    match = PolicyMatch("anger", "general", level, "thanks")  # type: ignore[arg-type]
    assert (await run("Thanks!", policy=(match,))).decision.action != "stay_silent"


async def test_a_file_says_more_than_the_thanks_it_comes_with() -> None:
    turn = make_turn("Thanks!")
    turn = replace(turn, conversation=replace(turn.conversation, history=ANSWERED), has_files=True)
    assert (await make_agent().run_turn(turn)).decision.action != "stay_silent"


async def test_no_model_is_paid_for_mere_thanks() -> None:
    turn = make_turn("Thank you!")
    turn = replace(turn, conversation=replace(turn.conversation, history=ANSWERED))
    async with serve_openai() as server:
        result = await run_with(make_brain(server), turn)
    assert (result.brain, result.decision.action, server.requests) == (OFFLINE_BRAIN, "stay_silent", [])


@pytest.mark.parametrize(
    ("message", "history", "action"),
    [
        ("You are a lifesaver, have a lovely evening", ANSWERED, "stay_silent"),
        ("You are a lifesaver, have a lovely evening", (), "hand_over"),
        ("You are a lifesaver. Can you close it?", ANSWERED, "hand_over"),
        ("It still fails, thanks", ANSWERED, "hand_over"),
        ("This is terrible and broken", ANSWERED, "hand_over"),
        ("Cancel everything then", ANSWERED, "hand_over"),
        ("The link leads to a blank page", ANSWERED, "hand_over"),
        ("Всё ещё ошибка", ANSWERED, "hand_over"),
        ("まだエラーが出ます", ANSWERED, "hand_over"),
        ("x" * (MAX_CHARACTERS + 1), ANSWERED, "hand_over"),
    ],
)
async def test_a_model_may_stay_silent_only_where_no_reply_could_be_right(
    message: str, history: tuple[tuple[Author, str], ...], action: str
) -> None:
    turn = make_turn(message)
    turn = replace(turn, conversation=replace(turn.conversation, history=history))
    async with serve_openai(Say("NO_REPLY")) as server:
        result = await run_with(make_brain(server), turn)
    assert result.brain.name == "openai"
    assert result.decision.action == action


@pytest.mark.parametrize(
    "text",
    [
        "That did not work",
        "It didn’t help.",
        "It still does not work on my phone",
        "this never worked for me",
        "Sorry, still the same error",
        "no luck :(",
        "That's not what I asked",
        "Doesn't work",
        "Nope, not working",
        "It's still broken",
        "It’s not working",
        "It doesn’t work",
        "Doesn’t work on my phone",
        "Your answer is wrong",
        "That's not correct",
        "Useless",
        "That was unhelpful",
        "I tried that, nothing happened",
        "I'm still not able to sign in, still the same",
        "Thanks, but it still does not work",
        "Das hat leider nicht geholfen",
        "Funktioniert leider nicht",
        "Das ist falsch",
        "No funciona",
        "Ça n’a pas marché",
        "C'est faux",
        "Não funciona",
        "Non funziona",
        "Dat klopt niet",
        "Es geht immer noch nicht",
        "No me ha funcionado",
        "Ça ne marche toujours pas",
        "Isso não funcionou",
        "Non ha funzionato",
        "Het werkt nog steeds niet",
    ],
)
def test_words_that_an_answer_was_of_no_use_are_known(text: str) -> None:
    assert says_it_failed(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, that worked!",
        "It works now",
        "And how do I export a board?",
        "Now the printer does not work",
        "Is it possible to change this?",
        "I could not find the menu",
        "This does not change my password, right?",
        "This does not change my password",
        "it is not fixed price right?",
        "Cool, it was not working before but your fix helped",
        "It was still broken yesterday, but now it works",
        "It did not work at first. All good now, thank you!",
        "Is this wrong?",
        "The amount on my invoice is wrong",
        "No funciona mi impresora",
        "Der Drucker funktioniert nicht",
        f"That did not work{' at all' * MAX_CHARACTERS}",
        "",
    ],
)
def test_thanks_and_new_matters_do_not_say_so(text: str) -> None:
    assert not says_it_failed(text)

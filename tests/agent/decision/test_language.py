"""Which language a message is in: sure of itself, or silent."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.decision.language import LANGUAGES, choose_language, detect_language, name_language
from tests.conftest import SHARED_DATA

SENTENCES = {
    "en": "I would like to move my board to another workspace.",
    "de": "Ich möchte mein Board in einen anderen Arbeitsbereich verschieben.",
    "es": "Me gustaría mover mi tablero a otro espacio de trabajo.",
    "fr": "Je voudrais déplacer mon tableau vers un autre espace de travail.",
    "pt": "Gostaria de mover o meu quadro para outro espaço de trabalho.",
    "it": "Vorrei spostare la mia bacheca in un altro spazio di lavoro.",
    "nl": "Ik wil mijn bord graag naar een andere werkruimte verplaatsen.",
    "pl": "Chciałbym przenieść moją tablicę do innej przestrzeni roboczej.",
    "cs": "Chtěl bych přesunout svou nástěnku do jiného pracovního prostoru.",
    "sv": "Jag skulle vilja flytta min tavla till en annan arbetsyta.",
    "fi": "Haluaisin siirtää tauluni toiseen työtilaan.",
    "tr": "Panomu başka bir çalışma alanına taşımak istiyorum.",
    "id": "Saya ingin memindahkan papan saya ke ruang kerja yang lain.",
    "ru": "Я хотел бы перенести свою доску в другое рабочее пространство.",
    "ar": "أود نقل لوحتي إلى مساحة عمل أخرى.",
    "hi": "मैं अपना बोर्ड किसी दूसरे कार्यस्थान में ले जाना चाहता हूँ।",
    "ja": "ボードを別のワークスペースに移動したいです。",
    "ko": "보드를 다른 작업 공간으로 옮기고 싶습니다.",
    "th": "ฉันต้องการย้ายบอร์ดไปยังพื้นที่ทำงานอื่น",
    "zh": "我想把我的看板移动到另一个工作区。",
}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items(), ids=SENTENCES)
def test_a_sentence_tells_its_language(language: str, text: str) -> None:
    assert detect_language(text) == language
    assert name_language(language) != language


def test_there_is_a_sentence_of_every_language() -> None:
    assert set(SENTENCES) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("danke", "de"),
        ("Vielen Dank!", "de"),
        ("login geht nicht", "de"),
        ("gracias", "es"),
        ("merci", "fr"),
        ("obrigada", "pt"),
        ("grazie mille", "it"),
        ("bedankt", "nl"),
        ("thanks", "en"),
        ("password reset", "en"),
        ("cancel my plan pls", "en"),
    ],
)
def test_short_utterances_are_known_by_their_words(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "ok",
        "no",
        "👍",
        "2FA",
        "TF-20261121-0001",
        "https://example.de/hilfe/konto",
        "me@beispiel.de",
        "asdf",
    ],
)
def test_what_is_no_language_is_not_guessed(text: str) -> None:
    assert detect_language(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('Ich bekomme die Meldung "connection refused by the remote server, try again later"', "de"),
        ("Mi código:\n```\nfor user in users: print(user.name)\n```\nno funciona desde ayer", "es"),
        ("How do I write „Straße und Hausnummer“ into the address field?", "en"),
        ("Voir https://help.example.com/articles/how-to-reset-a-password : ça ne marche pas du tout", "fr"),
        ("Hello,\nich kann mich seit gestern nicht mehr anmelden. Können Sie mir helfen?\nThanks", "de"),
        ("I ordered from your Paris store and the parcel still shows Gare de Lyon.", "en"),
        ("昨日からログインできません。エラー500が表示されて、何度試しても同じです。" * 40, "ja"),
    ],
)
def test_what_is_quoted_named_or_code_does_not_count(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_a_word_that_tells_nothing_keeps_the_language_of_the_conversation() -> None:
    assert choose_language(["ok"], "fr") == "fr"
    assert choose_language(["ok"], None) == "en"
    assert choose_language(["ok", "Wie lange dauert das noch?"], "fr") == "de"


@pytest.mark.parametrize("dataset", ["banking77", "clinc150"])
def test_english_stays_english(dataset: str) -> None:
    # The goal is 99.3 %; all of Banking77's and CLINC150's train parts gave 99.98 and 99.94.
    path = SHARED_DATA / dataset
    if not path.exists():
        pytest.skip("the public data is not beside the checkout")
    if dataset == "banking77":
        with (path / "train.csv").open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
    else:
        texts = [text for text, _ in json.loads((path / "data_full.json").read_text(encoding="utf-8"))["train"]]
    sample = texts[::10]
    assert sum(choose_language([text], None) == "en" for text in sample) / len(sample) >= 0.993


def test_threads_may_ask_at_the_same_time() -> None:
    texts = [*SENTENCES.values()] * 20
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(detect_language, texts)) == [*SENTENCES] * 20


@settings(deadline=None, database=None)
@given(st.text(max_size=500))
def test_any_text_has_a_language_of_ours_or_none(text: str) -> None:
    assert detect_language(text) in {*LANGUAGES, None}

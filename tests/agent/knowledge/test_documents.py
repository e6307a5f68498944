"""Reading markdown, text, HTML and PDF, and cutting them into passages."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from agent.knowledge.documents import Document, DocumentError, Section, find_documents, read_document
from agent.knowledge.passages import MAX_WORDS, cut_passages

MARKDOWN = """---
title: Export a board
category: product
summary: Boards export as CSV.
---

Intro **bold** and [a link](https://harborline.example).

## Steps

1. Open **Menu**.
2. Choose `Export`.
   - as CSV
   - as JSON

## Limits

| plan | rows |
|---|---|
| Free | 1000 |
"""


def test_markdown_keeps_headings_lists_and_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "export.md"
    path.write_text(MARKDOWN)
    document = read_document(path)
    assert (document.title, document.category) == ("Export a board", "product")
    assert [section.heading for section in document.sections] == ["", "", "Steps", "Limits"]
    assert document.sections[0].text == "Boards export as CSV."
    assert document.sections[1].text == "Intro bold and a link."
    assert document.sections[2].text == "1. Open Menu.\n2. Choose Export.\n  - as CSV\n  - as JSON"
    assert "Free" in document.sections[3].text


def test_front_matter_says_how_customers_ask_each_question_once(tmp_path: Path) -> None:
    path = tmp_path / "export.md"
    path.write_text("---\nquestions:\n- Can I get a CSV?\n- 404\n- ' Can I get a CSV? '\n---\nOpen the menu.")
    assert read_document(path).questions == ("Can I get a CSV?", "404")


@pytest.mark.parametrize("questions", ["Can I get a CSV?", "- ''", f"- {'w' * 501}", "- {a: b}"])
def test_questions_that_are_no_list_of_short_texts_are_refused_with_the_reason(questions: str, tmp_path: Path) -> None:
    path = tmp_path / "export.md"
    path.write_text(f"---\nquestions:\n {questions}\n---\nOpen the menu.")
    with pytest.raises(DocumentError, match="front matter cannot be used: questions"):
        read_document(path)


def test_markdown_without_front_matter_takes_its_first_heading(tmp_path: Path) -> None:
    folder = tmp_path / "billing"
    folder.mkdir()
    path = folder / "refunds.md"
    path.write_text("# Refunds\n\nAsk a person.")
    document = read_document(path)
    assert (document.title, document.category) == ("Refunds", "billing")


def test_a_passage_knows_the_path_of_headings_above_it(tmp_path: Path) -> None:
    path = tmp_path / "export.md"
    path.write_text("# Export\n\nAll.\n\n## Files\n\n### As CSV\n\nRows.\n\n#### Large\n\nMany.\n\n## Links\n\nOne.")
    sections = [(section.heading, section.text) for section in read_document(path).sections]
    assert sections == [
        ("", "All."),
        ("Files > As CSV", "Rows."),
        ("Files > As CSV > Large", "Many."),
        ("Links", "One."),
    ]


@pytest.mark.parametrize(
    ("front_matter", "expected"),
    [
        ("", (None, "public", None)),
        ("language: no\naudience: internal\nstatus: draft\nowner: docs", ("no", "internal", True)),
        ("language: de\nstatus: published", ("de", "public", False)),
    ],
)
def test_front_matter_gives_language_audience_and_status(
    tmp_path: Path, front_matter: str, expected: tuple[str, str, bool | None]
) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"---\n{front_matter}\n---\n# A\n\nText.")
    document = read_document(path)
    assert (document.language, document.audience, document.is_draft) == expected


@pytest.mark.parametrize("wrong", ["status: hidden", "audience: all", "language: German", "title: [a, b]"])
def test_front_matter_with_a_wrong_value_is_refused_with_its_key(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"---\n{wrong}\n---\n# A\n\nText.")
    with pytest.raises(DocumentError, match=f"front matter cannot be used: {wrong.split(':', maxsplit=1)[0]}"):
        read_document(path)


def test_html_loses_its_tags_scripts_and_navigation(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        "<html><head><title>T</title><style>p{}</style></head><body><nav>Home</nav><h1>Moving a task</h1>"
        "<p>Drag &amp; drop it.</p><script>alert(1)</script><h2>By key</h2><ul><li>Press M</li></ul></body></html>"
    )
    document = read_document(path)
    assert document.title == "Moving a task"
    assert document.sections == (Section("", "Drag & drop it."), Section("By key", "- Press M"))


def test_plain_text_is_one_section(tmp_path: Path) -> None:
    path = tmp_path / "opening-hours.txt"
    path.write_text("We are open on weekdays.\r\nNot on Sundays.")
    assert read_document(path).title == "Opening hours"


def test_a_damaged_pdf_and_an_empty_one_are_said_to_be_so(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7 nonsense")
    empty = tmp_path / "empty.pdf"
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(empty)
    for path, reason in ((damaged, "cannot be read"), (empty, "contains no text")):
        with pytest.raises(DocumentError, match=reason):
            read_document(path)


def test_undecodable_and_empty_files_are_refused_with_their_name(tmp_path: Path) -> None:
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DocumentError, match=r"binary\.txt: cannot be read"):
        read_document(binary)


def test_folders_are_searched_and_readme_files_left_out(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "README.md", "picture.png"):
        (tmp_path / name).write_text("text")
    assert [path.name for path in find_documents([tmp_path])] == ["a.txt", "b.md"]


@pytest.mark.parametrize("name", ["missing.md", "picture.png", "empty"])
def test_what_cannot_be_loaded_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "picture.png").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match=name.split(".", maxsplit=1)[0]):
        find_documents([tmp_path / name])


def test_short_sections_stay_whole_and_long_ones_are_cut_between_sentences() -> None:
    sentence = "This sentence has exactly seven words here. "
    document = Document("Title", "general", (Section("Short", "Just this."), Section("Long", sentence * 60)))
    passages = cut_passages(document)
    assert passages[0].content == "Just this."
    assert len(passages) > 2
    assert all(passage.content.endswith(".") for passage in passages)
    assert passages[1].passage_text.startswith("Title. Long\n")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=4_000))
def test_cutting_loses_no_word_and_keeps_every_piece_small(text: str) -> None:
    passages = cut_passages(Document("T", "c", (Section("H", text),)))
    assert " ".join(p.content for p in passages).split() == text.split()
    assert all(len(p.content.split()) <= MAX_WORDS for p in passages)

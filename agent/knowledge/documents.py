"""Reading documents of any supported kind into titled sections of plain text."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import Annotated, Literal

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from selectolax.lexbor import LexborHTMLParser

from core.errors import OperatorError
from database.types import Audience

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
MAX_QUESTION_CHARACTERS = 500
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
PATH_SEPARATOR = " > "
_BLANK_LINES = re.compile(r"\n{3,}")
_HTML_BLOCKS = "h1, h2, h3, h4, p, li, pre, td, th, blockquote, dt, dd"


class DocumentError(OperatorError):
    """A document cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Section:
    """Plain text and the path of headings above it, `Exports > As CSV`; empty for text before the first heading."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One article as read from its file."""

    title: str
    category: str
    sections: tuple[Section, ...]
    language: str | None = None  # None, too, where it does not say
    audience: Audience = "public"
    is_draft: bool | None = None  # None where the document does not say
    questions: tuple[str, ...] = ()  # how customers ask for what it answers


def find_documents(paths: list[Path]) -> list[Path]:
    """Every readable file below `paths`, in a stable order. README files describe a folder and are left out."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DocumentError(f"{path}: no such file or folder")
        if path.is_file() and path.suffix.lower() not in _READERS:
            raise DocumentError(f"{path}: expected one of {', '.join(sorted(_READERS))}")
        candidates = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        found += [p for p in candidates if p.suffix.lower() in _READERS and p.stem.lower() != "readme"]
    if not found:
        raise DocumentError(f"no {', '.join(sorted(_READERS))} files below {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found))


def read_document(path: Path) -> Document:
    """Read one file; raises DocumentError when it is too large, damaged or empty."""
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"{path}: larger than {MAX_DOCUMENT_BYTES // 2**20} MiB")
    return read_content(path, path.read_bytes())


def read_content(path: PurePath, content: bytes) -> Document:
    """Read what a file of this name holds; raises DocumentError when it is damaged or empty."""
    try:
        document = _READERS[path.suffix.lower()](path, content)
    except (UnicodeDecodeError, PyPdfError, yaml.YAMLError) as error:
        raise DocumentError(f"{path}: cannot be read ({type(error).__name__})") from error
    if not any(section.text for section in document.sections):
        raise DocumentError(f"{path}: contains no text")
    return document


def _read_markdown(path: PurePath, content: bytes) -> Document:
    meta, text = _read_front_matter(path, _decode(content))
    lines = list(_walk_markdown(MarkdownIt("commonmark").enable("table").parse(text)))
    title = meta.title or next((line.strip() for level, line in lines if level and line.strip()), _title_of(path))
    sections = _merge_sections(lines, title)
    if meta.summary:
        sections = [Section("", meta.summary), *sections]
    return Document(
        title=title,
        category=meta.category or path.parent.name or "general",
        sections=tuple(sections),
        language=meta.language,
        audience=meta.audience,
        is_draft=None if meta.status is None else meta.status == "draft",
        questions=tuple(dict.fromkeys(meta.questions)),
    )


Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARACTERS)]


class FrontMatter(BaseModel):
    """What a markdown document may say of itself between two lines of `---`. Other keys are other tools' matter."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    title: str = ""
    category: str = ""
    summary: str = ""
    # `no`, unquoted, is how YAML writes false.
    language: Annotated[str | None, BeforeValidator(lambda value: "no" if value is False else value)] = Field(
        default=None, pattern=r"^[a-z]{2,3}$"
    )
    audience: Audience = "public"
    status: Literal["published", "draft"] | None = None
    questions: tuple[Question, ...] = ()


def _read_front_matter(path: PurePath, text: str) -> tuple[FrontMatter, str]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        return FrontMatter(), text
    loaded = yaml.safe_load(match[1])
    given = {key: value for key, value in loaded.items() if value is not None} if isinstance(loaded, dict) else {}
    try:
        return FrontMatter.model_validate(given), text[match.end() :]
    except ValidationError as error:
        wrong = "; ".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors())
        raise DocumentError(f"{path}: its front matter cannot be used: {wrong}") from None


def _walk_markdown(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """Yields (level, line): 1 to 6 for a heading, 0 for text; list items keep their numbers and bullets."""
    numbers: list[int | None] = []
    prefix = ""
    for index, token in enumerate(tokens):
        if token.type == "ordered_list_open":
            numbers.append(int(token.attrGet("start") or 1))
        elif token.type == "bullet_list_open":
            numbers.append(None)
        elif token.type in {"ordered_list_close", "bullet_list_close"}:
            numbers.pop()
            yield 0, ""
        elif token.type == "list_item_open":
            number = numbers[-1]
            prefix = "  " * (len(numbers) - 1) + ("- " if number is None else f"{number}. ")
            numbers[-1] = None if number is None else number + 1
        elif token.type == "inline":
            above = tokens[index - 1]
            level = int(above.tag[1:]) if above.type == "heading_open" else 0
            yield level, prefix + _flatten(token)
            prefix = ""
            if not level and not numbers:
                yield 0, ""
        elif token.type in {"fence", "code_block"}:
            yield 0, token.content


def _flatten(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in {"text", "code_inline"}:
            parts.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
    return "".join(parts)


def _merge_sections(lines: Iterable[tuple[int, str]], title: str) -> list[Section]:
    """Text under the path of its headings, which leaves the title out: every passage is given that anyway."""
    path: list[tuple[int, str]] = []
    sections: list[tuple[str, list[str]]] = [("", [])]
    for level, line in lines:
        if not level:
            sections[-1][1].append(line)
            continue
        path = [(above, heading) for above, heading in path if above < level] + [(level, line.strip())]
        sections.append((PATH_SEPARATOR.join(heading for _, heading in path if heading and heading != title), []))
    merged = [Section(heading, _BLANK_LINES.sub("\n\n", "\n".join(text)).strip()) for heading, text in sections]
    return [section for section in merged if section.text]


def _decode(content: bytes) -> str:
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _read_text(path: PurePath, content: bytes) -> Document:
    return Document(_title_of(path), path.parent.name or "general", (Section("", _decode(content).strip()),))


def _read_html(path: PurePath, content: bytes) -> Document:
    tree = LexborHTMLParser(_decode(content))
    tree.strip_tags(["script", "style", "nav", "header", "footer", "form", "template"])
    title = tree.css_first("h1") or tree.css_first("title")
    name = " ".join(title.text().split()) if title is not None else _title_of(path)
    lines: list[tuple[int, str]] = []
    for node in tree.css(_HTML_BLOCKS):
        if any(inner.mem_id != node.mem_id for inner in node.css("p, li")):
            continue  # a container: its own blocks come by themselves
        text = " ".join(node.text(separator=" ").split())
        if node.tag in {"h2", "h3", "h4"}:
            lines.append((int(node.tag[1:]), text))
        elif node.tag != "h1" and text:
            lines += [(0, f"- {text}" if node.tag == "li" else text), (0, "")]
    return Document(name, path.parent.name or "general", tuple(_merge_sections(lines, name)))


def _read_pdf(path: PurePath, content: bytes) -> Document:
    reader = PdfReader(BytesIO(content))
    pages = [(page.extract_text() or "").strip() for page in reader.pages]
    title = (reader.metadata.title if reader.metadata else None) or _title_of(path)
    sections = [Section(f"Page {number}", text) for number, text in enumerate(pages, start=1) if text]
    return Document(str(title), path.parent.name or "general", tuple(sections))


def _title_of(path: PurePath) -> str:
    return re.sub(r"[-_]+", " ", path.stem).strip().capitalize()


_READERS: dict[str, Callable[[PurePath, bytes], Document]] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
}

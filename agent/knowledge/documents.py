"""Reading documents of any supported kind into titled sections of plain text."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from selectolax.lexbor import LexborHTMLParser

from core.errors import OperatorError

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_BLANK_LINES = re.compile(r"\n{3,}")
_HTML_BLOCKS = "h1, h2, h3, h4, p, li, pre, td, th, blockquote, dt, dd"


class DocumentError(OperatorError):
    """A document cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the plain text below it. The heading is empty for text before the first one."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One article as read from its file."""

    title: str
    category: str
    sections: tuple[Section, ...]


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
    try:
        document = _READERS[path.suffix.lower()](path)
    except (UnicodeDecodeError, PyPdfError, yaml.YAMLError) as error:
        raise DocumentError(f"{path}: cannot be read ({type(error).__name__})") from error
    if not any(section.text for section in document.sections):
        raise DocumentError(f"{path}: contains no text")
    return document


def _read_markdown(path: Path) -> Document:
    text = path.read_text(encoding="utf-8")
    match = _FRONT_MATTER.match(text)
    meta: dict[str, Any] = {}
    if match:
        loaded = yaml.safe_load(match[1])
        meta = loaded if isinstance(loaded, dict) else {}
        text = text[match.end() :]
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    sections = _merge_sections(_walk_markdown(tokens))
    title = str(meta.get("title") or next((s.heading for s in sections if s.heading), _title_of(path)))
    summary = meta.get("summary")
    if summary:
        sections = [Section("", str(summary)), *sections]
    return Document(title, str(meta.get("category") or path.parent.name or "general"), tuple(sections))


def _walk_markdown(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    """Yields (kind, line) with kind "heading" or "text"; list items keep their numbers and bullets."""
    numbers: list[int | None] = []
    prefix = ""
    for index, token in enumerate(tokens):
        if token.type == "ordered_list_open":
            numbers.append(int(token.attrGet("start") or 1))
        elif token.type == "bullet_list_open":
            numbers.append(None)
        elif token.type in {"ordered_list_close", "bullet_list_close"}:
            numbers.pop()
            yield "text", ""
        elif token.type == "list_item_open":
            number = numbers[-1]
            prefix = "  " * (len(numbers) - 1) + ("- " if number is None else f"{number}. ")
            numbers[-1] = None if number is None else number + 1
        elif token.type == "inline":
            is_heading = tokens[index - 1].type == "heading_open"
            yield ("heading" if is_heading else "text"), prefix + _flatten(token)
            prefix = ""
            if not is_heading and not numbers:
                yield "text", ""
        elif token.type in {"fence", "code_block"}:
            yield "text", token.content


def _flatten(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in {"text", "code_inline"}:
            parts.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
    return "".join(parts)


def _merge_sections(lines: Iterator[tuple[str, str]]) -> list[Section]:
    sections: list[tuple[str, list[str]]] = [("", [])]
    for kind, line in lines:
        if kind == "heading":
            sections.append((line.strip(), []))
        else:
            sections[-1][1].append(line)
    merged = [Section(heading, _BLANK_LINES.sub("\n\n", "\n".join(text)).strip()) for heading, text in sections]
    return [section for section in merged if section.text]


def _read_text(path: Path) -> Document:
    text = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip()
    return Document(_title_of(path), path.parent.name or "general", (Section("", text),))


def _read_html(path: Path) -> Document:
    tree = LexborHTMLParser(path.read_text(encoding="utf-8"))
    tree.strip_tags(["script", "style", "nav", "header", "footer", "form", "template"])
    title = tree.css_first("h1") or tree.css_first("title")
    lines: list[tuple[str, str]] = []
    for node in tree.css(_HTML_BLOCKS):
        if any(inner.mem_id != node.mem_id for inner in node.css("p, li")):
            continue  # a container: its own blocks come by themselves
        text = " ".join(node.text(separator=" ").split())
        if node.tag in {"h2", "h3", "h4"}:
            lines.append(("heading", text))
        elif node.tag != "h1" and text:
            lines += [("text", f"- {text}" if node.tag == "li" else text), ("text", "")]
    name = " ".join(title.text().split()) if title is not None else _title_of(path)
    return Document(name, path.parent.name or "general", tuple(_merge_sections(iter(lines))))


def _read_pdf(path: Path) -> Document:
    reader = PdfReader(path)
    pages = [(page.extract_text() or "").strip() for page in reader.pages]
    title = (reader.metadata.title if reader.metadata else None) or _title_of(path)
    sections = [Section(f"Page {number}", text) for number, text in enumerate(pages, start=1) if text]
    return Document(str(title), path.parent.name or "general", tuple(sections))


def _title_of(path: Path) -> str:
    return re.sub(r"[-_]+", " ", path.stem).strip().capitalize()


_READERS: dict[str, Callable[[Path], Document]] = {
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
}

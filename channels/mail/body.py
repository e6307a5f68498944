"""What a mail holds: the text that a person reads, and its files."""

import re
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import Message
from hashlib import sha256
from typing import Literal

from channels.base import MalformedSource
from channels.mail.charset import decode_bytes
from channels.mail.headers import Headers, decode_words
from channels.mail.html import read_html
from channels.mail.mime import list_children
from channels.mail.text import clean_line, clean_text
from channels.media import clean_file_name
from database.types import Attachment

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_FILES = 50
_MAX_TOTAL_BYTES = 60 * 1024 * 1024
_MAX_PARTS = 500
_MAX_NAME_BYTES = 240
_MAX_TEXT_BYTES = 2_000_000  # far more than what is kept of a text in the end

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}")
_SUFFIXES = {"message/rfc822": ".eml", "text/calendar": ".ics", "text/html": ".html", "text/plain": ".txt"}


@dataclass(slots=True)
class MailBody:
    """The text, with quotations still in it, and the files with their contents by digest."""

    text: str
    attachments: list[Attachment]
    contents: dict[str, bytes]


@dataclass(slots=True)
class _Found:
    """Texts and file parts of one branch, in the order in which they are shown."""

    texts: list[tuple[Literal["plain", "html"], str]] = field(default_factory=list)
    files: list[Message] = field(default_factory=list)

    def has_text(self, kind: str) -> bool:
        return any(found == kind and text for found, text in self.texts)


def read_body(mail: Message, *, max_file_bytes: int = MAX_FILE_BYTES) -> MailBody:
    """Read all parts. Raises MalformedSource for more than 500 of them."""
    found = _Reader().read(mail, is_root=True)
    files = _FileKeeper(max_file_bytes)
    for part in found.files[:MAX_FILES]:
        files.keep(part)
    left = len(found.files) - MAX_FILES
    if left > 0:
        files.attachments.append(
            Attachment(name=f"{left} more", content_type="", problem=f"only the first {MAX_FILES} files are kept")
        )
    text = "\n\n".join(text for _, text in found.texts if text)
    return MailBody(text, files.attachments, files.contents)


class _Reader:
    """Walks through the parts of one mail and counts them."""

    def __init__(self) -> None:
        self._parts = 0

    def read(self, part: Message, *, is_root: bool = False) -> _Found:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise MalformedSource("the mail has more parts than any letter")
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            branches = [self.read(child) for child in list_children(part)]
            return _choose(branches) if part.get_content_subtype() == "alternative" else _join(branches)
        if _is_text(part, is_root=is_root):
            return _Found(texts=[_read_text(part)])
        return _Found(files=[part])


def _choose(branches: list[_Found]) -> _Found:
    """Of the same letter in several forms the plain one that says something; the files of all."""
    chosen = next((branch for kind in ("plain", "html") for branch in branches if branch.has_text(kind)), _Found())
    return _Found(texts=chosen.texts, files=[part for branch in branches for part in branch.files])


def _join(branches: list[_Found]) -> _Found:
    return _Found(
        texts=[text for branch in branches for text in branch.texts],
        files=[part for branch in branches for part in branch.files],
    )


def _is_text(part: Message, *, is_root: bool) -> bool:
    # A multipart that the library could not take apart has its lines as its payload: they are all there is to read.
    if part.get_content_maintype() == "multipart":
        return True
    if part.get_content_type() not in {"text/plain", "text/html"} or part.is_multipart():
        return False
    return is_root or (_get_disposition(part) != "attachment" and not _read_name(part))


def _get_disposition(part: Message) -> str:
    return str(part.get("Content-Disposition", "")).partition(";")[0].strip().lower()


def _read_text(part: Message) -> tuple[Literal["plain", "html"], str]:
    text = decode_bytes(_read_content(part)[:_MAX_TEXT_BYTES], _read_parameter(part, "charset"))
    if part.get_content_type() == "text/html":
        return "html", read_html(text)
    if (_read_parameter(part, "format") or "").lower() == "flowed":
        text = _unwrap_flowed(text, is_space_dropped=(_read_parameter(part, "delsp") or "").lower() == "yes")
    return "plain", clean_text(text)


def _unwrap_flowed(text: str, *, is_space_dropped: bool) -> str:
    """Paragraphs that were wrapped for sending as one line each (RFC 3676). Quoted lines stay as they are."""
    paragraphs: list[list[str]] = []
    is_open = False
    for line in text.replace("\r\n", "\n").split("\n"):
        is_flowing = not line.startswith(">") and line.rstrip() != "--"
        if not (is_open and is_flowing):
            paragraphs.append([])
        is_open = is_flowing and line.endswith(" ")
        bare = line.removeprefix(" ")
        paragraphs[-1].append(bare[:-1] if is_open and is_space_dropped else bare)
    return "\n".join("".join(pieces) for pieces in paragraphs)


def _read_content(part: Message) -> bytes:
    if part.is_multipart():
        return b"\n".join(_render(child) for child in list_children(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _render(mail: Message) -> bytes:
    return mail.as_bytes(unixfrom=False)


def _read_parameter(part: Message, name: str, header: str = "Content-Type") -> str | None:
    value = part.get_param(name, header=header)
    if isinstance(value, tuple):
        charset, _, encoded = value
        return decode_bytes(encoded.encode("latin-1", errors="replace"), charset or "utf-8")
    return str(value) if value is not None else None


def _read_name(part: Message) -> str:
    name = _read_parameter(part, "filename", "Content-Disposition") or _read_parameter(part, "name")
    return decode_words(name) if name else ""


class _FileKeeper:
    """Keeps files up to a size for each and for all, and says of the others why they are missing."""

    def __init__(self, max_file_bytes: int) -> None:
        self._max_file_bytes = max_file_bytes
        self._total = 0
        self.attachments: list[Attachment] = []
        self.contents: dict[str, bytes] = {}

    def keep(self, part: Message) -> None:
        declared = part.get_content_type().lower()
        content_type = declared if _TYPE.fullmatch(declared) else "application/octet-stream"
        name = _name_file(part, content_type, len(self.attachments) + 1)
        try:
            content = _read_content(part)
        except (MessageError, LookupError, ValueError, TypeError, AttributeError):
            # A mail within the mail that was taken apart and cannot be put together again; the source still has it.
            self.attachments.append(Attachment(name=name, content_type=content_type, problem="it cannot be read"))
            return
        problem = self._find_problem(len(content))
        digest = None if problem else sha256(content).hexdigest()
        if digest:
            self._total += len(content)
            self.contents[digest] = content
        self.attachments.append(
            Attachment(name=name, content_type=content_type, size=len(content), digest=digest, problem=problem)
        )

    def _find_problem(self, size: int) -> str | None:
        if size > self._max_file_bytes:
            return f"larger than {_write_size(self._max_file_bytes)}"
        return "the files of this mail are too large together" if self._total + size > _MAX_TOTAL_BYTES else None


def _write_size(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size:,} bytes"


def _name_file(part: Message, content_type: str, number: int) -> str:
    fallback = f"file-{number}{_SUFFIXES.get(content_type, '')}"
    name = _read_name(part)
    if not name and content_type == "message/rfc822":
        inner = next(iter(list_children(part)), None)
        subject = Headers(inner).get_text("Subject") if inner is not None else ""
        name = f"{subject[:100].replace('/', '-')}.eml" if subject else ""
    cleaned = clean_file_name(clean_line(name, 1000), fallback)
    while len(cleaned.encode()) > _MAX_NAME_BYTES:
        stem, dot, suffix = cleaned.rpartition(".")
        cleaned = f"{stem[:-5]}{dot}{suffix}" if len(stem) > 5 else cleaned[:-5]
    return cleaned

"""Which files can become articles, and whether a file is what its name says."""

from pathlib import PurePath

DOCUMENT_SUFFIXES = (".htm", ".html", ".markdown", ".md", ".pdf", ".txt")

_PDF_MARK = b"%PDF-"
_PDF_MARK_WITHIN = 1024  # as readers of PDF do: some files begin with something else


def find_fault(name: str, content: bytes) -> str | None:
    """Why a file cannot become an article, as far as can be told without reading it; None if it may."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in DOCUMENT_SUFFIXES:
        return f"its name must end in one of {', '.join(DOCUMENT_SUFFIXES)}"
    if not content.strip():
        return "it is empty"
    if suffix == ".pdf":
        return None if _PDF_MARK in content[:_PDF_MARK_WITHIN] else "it is no PDF"
    if b"\0" in content:
        return "it is no text"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "its text is not in UTF-8"
    return None

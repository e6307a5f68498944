"""From the HTML of a mail to plain text, in which quoted parts are marked as in any other mail."""

import re
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from channels.mail.text import clean_text

# Enough for any letter; the rest of a newsletter of megabytes is looked at by people, if by anyone.
_MAX_HTML = 400_000
# The parser's time grows with the square of the depth: 200,000 elements within each other hold it up for minutes.
_MAX_DEPTH = 1_000
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
# Elements that hold nothing, or that the next of their kind closes.
_FLAT = frozenset(
    {
        "area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option", "p", "td", "th",
        "tr", "wbr",
    }
)  # fmt: skip

_UNSEEN = (
    "script, style, head, title, template, noscript, object, svg, math, "
    '[hidden], [style*="display:none" i], [style*="display: none" i]'
)
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
        "section", "table", "tbody", "thead", "tr", "ul",
    }
)  # fmt: skip
_SPACED = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_MAX_QUOTES = 8


def read_html(html: str) -> str:
    """The text of an HTML body as a person sees it; each level of blockquote is a `>` before its lines."""
    html = html[:_MAX_HTML].replace("\x00", "")
    if _measure_depth(html) > _MAX_DEPTH:
        return clean_text(unescape(_ANY_TAG.sub("\n", html)))
    tree = LexborHTMLParser(html)
    for node in tree.css(_UNSEEN):
        node.decompose()
    return clean_text(_Writer().write(tree.body)) if tree.body else ""


def _measure_depth(html: str) -> int:
    """How deep elements may be within each other. Misplaced closing tags close nothing, so it is rather too much."""
    opened: list[str] = []
    deepest = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _FLAT:
            continue
        if not match[1]:
            opened.append(name)
            deepest = max(deepest, len(opened))
        elif opened and opened[-1] == name:
            opened.pop()
    return deepest


class _Writer:
    """Goes through a tree once, without recursion: mails are nested deeper than Python calls may be."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._quotes = 0
        self._kept = 0

    def write(self, root: LexborNode) -> str:
        node: LexborNode | None = root
        while node is not None:
            self._enter(node)
            if node.first_child is not None:
                node = node.first_child
                continue
            node = self._leave_up_to_sibling(node, root)
        self._end_line()
        return "\n".join(self._lines)

    def _leave_up_to_sibling(self, node: LexborNode, root: LexborNode) -> LexborNode | None:
        current: LexborNode | None = node
        while current is not None and current.mem_id != root.mem_id:
            self._leave(current)
            if current.next is not None:
                return current.next
            current = current.parent
        return None

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if node.is_text_node:
            self._add(node.text_content or "")
        elif tag == "br":
            self._end_line(is_kept=True)
        elif tag in _BLOCKS:
            self._begin_block(tag)
        elif tag in {"td", "th"} and self._line.strip():
            self._line += "\t"

    def _begin_block(self, tag: str) -> None:
        self._end_line()
        if tag in _SPACED:
            self._add_blank()
        if tag == "blockquote":
            self._quotes += 1
        self._kept += tag == "pre"
        self._line = "- " if tag == "li" else ""

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag not in _BLOCKS:
            return
        self._end_line()
        if tag == "blockquote":
            self._quotes -= 1
        self._kept -= tag == "pre"
        if tag in _SPACED:
            self._add_blank()

    def _add(self, text: str) -> None:
        if self._kept:
            *whole, self._line = (self._line + text).split("\n")
            for line in whole:
                self._push(line)
            return
        flowing = _SPACE.sub(" ", text)
        self._line += flowing.lstrip(" ") if not self._line or self._line.endswith((" ", "\t")) else flowing

    def _end_line(self, *, is_kept: bool = False) -> None:
        if self._line.strip() or is_kept:
            self._push(self._line)
        self._line = ""

    def _push(self, line: str) -> None:
        mark = ">" * min(self._quotes, _MAX_QUOTES)
        self._lines.append(f"{mark} {line}".rstrip() if mark else line.rstrip())

    def _add_blank(self) -> None:
        if self._lines and self._lines[-1].strip("> "):
            self._push("")

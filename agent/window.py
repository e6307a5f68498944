"""What a model is shown of a conversation, within a budget of tokens, with everything that others wrote marked as data.

From the oldest to the newest, so that the beginning stays the same from turn to turn: what is remembered, the recent
messages in full, then the passages and the waiting messages.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from agents.items import TResponseInputItem

from agent.context import Turn
from agent.tokens import cut_to_tokens, estimate_tokens
from database.types import Author

MIN_TOKENS = 600
_ITEM_TOKENS = 4  # what a server adds around each message
_OUR_TAG = re.compile(
    r"<(?=/?\s*(?:customer_message|subject|passages|earlier|known_of_customer|sources|sentences)\b)", re.IGNORECASE
)

History = Sequence[tuple[Author, str]]
_Item = tuple[Literal["user", "assistant"], str]


def build_window(
    turn: Turn, passages: Sequence[dict[str, Any]], *, summary: str, kept: int, budget: int
) -> list[TResponseInputItem]:
    """The items of the first request, together at most `budget` tokens (at least MIN_TOKENS).

    `kept` is how many of the newest earlier messages are shown, if they fit. The customer's waiting words may have
    three eighths of the budget, passages two, summary and facts a sixteenth each, and earlier messages what is left.
    The waiting words are whole, or cut with a mark; of the passages the last ones are left out.
    """
    asked = _show_question(turn, budget * 3 // 8)
    remembered = _remember(summary, turn.conversation.facts, budget // 16)
    room = budget - sum(map(_measure, (asked, *remembered)))
    shown = _fit_passages(passages, min(room, budget // 4))
    if shown:
        asked = "user", f"{shown}\n{asked[1]}"
    room = budget - sum(map(_measure, (asked, *remembered)))
    history = _fit_history(turn.conversation.history[-kept:] if kept else (), room)
    return [{"role": role, "content": content} for role, content in (*remembered, *history, asked)]


def count_kept(history: History, budget: int) -> int:
    """How many of the newest messages stay in full: all, or half of what fits, so that not every turn sums up anew.

    The last one always stays, for the waiting words are an answer to it.
    """
    sizes = [_measure(_show_message(author, text)) for author, text in history]
    share = budget // 4 - 16  # what is left of a window beside the other shares at their largest
    if sum(sizes) <= share:
        return len(history)
    kept, used = 0, 0
    for size in reversed(sizes):
        used += size
        if used > share // 2:
            break
        kept += 1
    return max(kept, 1)


def mark_as_data(tag: str, text: str) -> str:
    """`text` between tags that it cannot close itself."""
    return f"<{tag}>\n{_OUR_TAG.sub('‹', text)}\n</{tag}>"


def _show_question(turn: Turn, limit: int) -> _Item:
    conversation = turn.conversation
    subject = mark_as_data("subject", cut_to_tokens(_OUR_TAG.sub("‹", conversation.ticket_subject), limit // 8))
    room = limit - estimate_tokens(subject) - estimate_tokens(mark_as_data("customer_message", "")) - _ITEM_TOKENS
    said = mark_as_data("customer_message", cut_to_tokens(_OUR_TAG.sub("‹", turn.question), room))
    return "user", f"{subject}\n{said}"


def _remember(summary: str, facts: Sequence[str], share: int) -> list[_Item]:
    """What was said before and what a proven customer has said of themselves, each within its share."""
    parts = []
    if summary:
        parts.append(mark_as_data("earlier", cut_to_tokens(_OUR_TAG.sub("‹", summary), share - 16)))
    if facts:
        known = "\n".join(f"- {fact}" for fact in facts)
        parts.append(mark_as_data("known_of_customer", cut_to_tokens(_OUR_TAG.sub("‹", known), share - 16)))
    return [("user", "\n".join(parts))] if parts else []


def _fit_passages(passages: Sequence[dict[str, Any]], limit: int) -> str:
    for count in range(len(passages), 0, -1):
        shown = mark_as_data("passages", json.dumps(passages[:count], ensure_ascii=False))
        if estimate_tokens(shown) + 1 <= limit:
            return shown
    return ""


def _fit_history(history: History, limit: int) -> list[_Item]:
    """The newest messages that fit, oldest first; a long one is cut rather than lost, if it is the newest."""
    items: list[_Item] = []
    for author, text in reversed(history):
        item = _show_message(author, text)
        if _measure(item) > limit:
            if not items and limit > 64:
                items.append(_show_message(author, cut_to_tokens(_OUR_TAG.sub("‹", text), limit - 32)))
            break
        limit -= _measure(item)
        items.append(item)
    return items[::-1]


def _show_message(author: Author, text: str) -> _Item:
    if author == "customer":
        return "user", mark_as_data("customer_message", text)
    return "assistant", text


def _measure(item: _Item) -> int:
    return estimate_tokens(item[1]) + _ITEM_TOKENS

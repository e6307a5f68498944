"""What is new in a mailbox: from its history, or by search where the history does not reach back far enough."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from channels.gmail.answers import read_time
from channels.gmail.client import Answer, GmailClient, read_existing

# Ours, unfinished, or nothing that a customer wrote to us.
SKIPPED_LABELS = frozenset({"SENT", "DRAFT", "SPAM", "TRASH", "CHAT"})
_PAGE = 500


@dataclass(frozen=True, slots=True)
class History:
    """What happened after a history id.

    `arrived` are the mails that came, oldest first, each once. `seen` is the last record that Gmail showed, or None
    without any; `end` is where Gmail says that the mailbox is, of which it may not show everything yet.
    """

    arrived: tuple[str, ...]
    seen: int | None
    end: int


async def read_history(client: GmailClient, history_id: str, *, released_since: datetime) -> History:
    """All that came into the mailbox after the id: new mail, and mail released from spam if it came since then.

    Being moved to the inbox is no arrival: a snooze that ends, or a person who looks for an old letter, would have the
    desk answer what was settled long ago. What leaves spam is new to everybody, unless somebody only undid a slip.

    Raises GmailRefused where Gmail does not know the id any more: it keeps history for a week, sometimes for hours.
    https://developers.google.com/workspace/gmail/api/guides/sync
    """
    pages = await _read_pages(
        client,
        lambda users, *, token: users.history().list(
            userId="me",
            startHistoryId=history_id,
            historyTypes=["messageAdded", "labelRemoved"],
            maxResults=_PAGE,
            pageToken=token,
        ),
    )
    # A page without anything of these types has no `history` at all, and may still have a next page.
    records = [record for page in pages for record in page.get("history", [])]
    records.sort(key=lambda record: int(record["id"]))  # Gmail promises no order
    # The earliest end that any page names: what arrives while we turn pages is listed again, and that does no harm.
    start = int(history_id)
    end = max(min((int(page["historyId"]) for page in pages if "historyId" in page), default=0), start)
    return History(
        arrived=await _list_arrivals(client, records, released_since),
        seen=min(max(int(records[-1]["id"]), start), end) if records else None,
        end=end,
    )


async def search_since(client: GmailClient, since: datetime) -> tuple[str, ...]:
    """All mails that arrived since then, oldest first, beside our own and spam."""
    query = f"after:{int(since.timestamp())} -in:sent -in:drafts -in:chats"
    found = await search(client, query)
    return tuple(reversed(found))


async def search(client: GmailClient, query: str) -> tuple[str, ...]:
    """The ids of all mails that Gmail's search finds, in its order: newest first."""
    pages = await _read_pages(
        client,
        lambda users, *, token: users.messages().list(userId="me", q=query, maxResults=_PAGE, pageToken=token),
    )
    return tuple(dict.fromkeys(mail["id"] for page in pages for mail in page.get("messages", [])))


async def _read_pages(client: GmailClient, make: Callable[..., Any]) -> list[Answer]:
    pages: list[Answer] = []
    token: str | None = None
    while True:
        page = await client.read(partial(make, token=token))
        pages.append(page)
        token = page.get("nextPageToken")
        if not token:
            return pages


async def _list_arrivals(client: GmailClient, records: list[Answer], released_since: datetime) -> tuple[str, ...]:
    arrived: dict[str, None] = {}
    for record in records:
        arrived |= dict.fromkeys(_find_added(record))
        for released in _find_released(record):
            if released not in arrived and await _came_since(client, released, released_since):
                arrived[released] = None
    return tuple(arrived)


def _find_added(record: Answer) -> list[str]:
    return [added["message"]["id"] for added in record.get("messagesAdded", []) if not _is_skipped(added)]


def _find_released(record: Answer) -> list[str]:
    return [
        change["message"]["id"]
        for change in record.get("labelsRemoved", [])
        if "SPAM" in change.get("labelIds", []) and not _is_skipped(change)
    ]


def _is_skipped(change: Answer) -> bool:
    return bool(SKIPPED_LABELS.intersection(change["message"].get("labelIds", [])))


async def _came_since(client: GmailClient, external_id: str, since: datetime) -> bool:
    mail = await read_existing(
        client, lambda users: users.messages().get(userId="me", id=external_id, format="minimal")
    )
    return mail is not None and read_time(mail["internalDate"]) >= since

"""What is new in a mailbox: from its history, or by search where the history does not reach back far enough."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from channels.base import Listing
from channels.gmail.client import Answer, GmailClient

# Ours, unfinished, or nothing that a customer wrote to us. What leaves the spam folder comes with the label INBOX.
SKIPPED_LABELS = frozenset({"SENT", "DRAFT", "SPAM", "TRASH", "CHAT"})
_PAGE = 500


async def list_history(client: GmailClient, cursor: str) -> Listing:
    """All that came into the mailbox after the cursor, oldest first, each once.

    Raises GmailRefused where Gmail does not know the cursor any more: it keeps history for a week, sometimes for
    hours. The new cursor is the earliest that any page names: what arrives while we turn pages is listed again, and
    that does no harm. https://developers.google.com/workspace/gmail/api/guides/sync
    """
    pages = await _read_pages(
        client,
        lambda users, *, token: users.history().list(
            userId="me",
            startHistoryId=cursor,
            historyTypes=["messageAdded", "labelAdded"],
            maxResults=_PAGE,
            pageToken=token,
        ),
    )
    # A page without anything of these types has no `history` at all, and may still have a next page.
    records = [record for page in pages for record in page.get("history", [])]
    records.sort(key=lambda record: int(record["id"]))  # Gmail promises no order
    arrived = dict.fromkeys(external_id for record in records for external_id in _find_arrivals(record))
    reached = min((int(page["historyId"]) for page in pages if "historyId" in page), default=0)
    return Listing(tuple(arrived), str(max(reached, int(cursor))))


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


def _find_arrivals(record: dict[str, Any]) -> Iterator[str]:
    """The mails that this record brings into the mailbox: new ones, and those that left the spam folder."""
    for added in record.get("messagesAdded", []):
        if not SKIPPED_LABELS.intersection(added["message"].get("labelIds", [])):
            yield added["message"]["id"]
    for labelled in record.get("labelsAdded", []):
        is_skipped = SKIPPED_LABELS.intersection(labelled["message"].get("labelIds", []))
        if "INBOX" in labelled.get("labelIds", []) and not is_skipped:
            yield labelled["message"]["id"]

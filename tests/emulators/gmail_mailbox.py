"""A Gmail mailbox in memory: mails, threads, labels, and the history of all that happened to them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any, Literal

Json = dict[str, Any]
Change = Literal["messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"]

_FIRST_ID = 0x19AA000000000000
_IDS = re.compile(r"<[^<>\s]+>")
_REPLY_PREFIX = re.compile(r"^(?:(?:re|fwd?|aw)\s*:\s*)+", re.IGNORECASE)
_MESSAGE_ID_HEADER = re.compile(rb"^message-id:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n", re.IGNORECASE | re.MULTILINE)


class NoSuchThing(Exception):
    """Gmail answers 404."""


@dataclass(slots=True)
class StoredMail:
    """One mail. `arrived_ms` is Gmail's internalDate."""

    id: str
    thread_id: str
    labels: list[str]
    raw: bytes
    history_id: int
    arrived_ms: int

    @property
    def headers(self) -> Message:
        """Its headers as the standard library reads them."""
        return message_from_bytes(self.raw.partition(b"\r\n\r\n")[0])

    @property
    def subject(self) -> str:
        """Without the prefixes of replies."""
        return _REPLY_PREFIX.sub("", str(self.headers.get("Subject", "")).strip())


@dataclass(slots=True)
class Record:
    """One entry of the history."""

    id: int
    change: Change
    mail_id: str
    thread_id: str
    labels: tuple[str, ...]
    labels_after: tuple[str, ...]

    def describe(self) -> Json:
        """As history.list shows it."""
        message = {"id": self.mail_id, "threadId": self.thread_id, "labelIds": list(self.labels_after)}
        entry: Json = {"message": message}
        if self.change.startswith("labels"):
            entry["labelIds"] = list(self.labels)
        bare = {"id": self.mail_id, "threadId": self.thread_id}
        return {"id": str(self.id), "messages": [bare], self.change: [entry]}


@dataclass(slots=True)
class Mailbox:
    """The mailbox of one address. `page_size` is how much a page holds, however much is asked for."""

    address: str
    page_size: int = 100
    mails: dict[str, StoredMail] = field(default_factory=dict)
    by_message_id: dict[str, list[StoredMail]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    history_id: int = 1000
    forgotten_through: int = 0

    def deliver(
        self, raw: bytes, *, labels: Iterable[str] = ("INBOX", "UNREAD"), arrived: datetime | None = None
    ) -> StoredMail:
        """A mail comes in, into the thread that its References and subject name, or a new one."""
        return self._store(raw, labels, next(iter(self._find_threads(raw)), None), arrived)

    def send(self, raw: bytes, thread_id: str | None) -> StoredMail:
        """A mail goes out. Gmail gives it a Message-ID of its own.

        It joins the thread asked for only if References and subject agree; else it silently begins another.
        """
        if thread_id is not None and thread_id not in {mail.thread_id for mail in self.mails.values()}:
            raise NoSuchThing
        name = f"<CAEmulated{len(self.mails) + 1:06d}@mail.gmail.com>"
        renamed = _MESSAGE_ID_HEADER.sub(b"", raw, count=1)
        stored = b"Message-ID: " + name.encode() + b"\r\n" + renamed
        fits = thread_id in self._find_threads(stored)
        return self._store(stored, ("SENT",), thread_id if fits else None, None)

    def add_labels(self, mail_id: str, *labels: str) -> None:
        """What happens when a person files a mail."""
        mail = self.find(mail_id)
        mail.labels += [label for label in labels if label not in mail.labels]
        self._record("labelsAdded", mail, labels)

    def remove_labels(self, mail_id: str, *labels: str) -> None:
        """The opposite."""
        mail = self.find(mail_id)
        mail.labels = [label for label in mail.labels if label not in labels]
        self._record("labelsRemoved", mail, labels)

    def delete(self, mail_id: str) -> None:
        """For good."""
        self._record("messagesDeleted", self.mails.pop(mail_id), ())

    def forget_history(self) -> None:
        """From now on, cursors up to here are unknown."""
        self.forgotten_through = self.history_id

    def find(self, mail_id: str) -> StoredMail:
        """A mail by its id."""
        if mail_id not in self.mails:
            raise NoSuchThing
        return self.mails[mail_id]

    def find_thread(self, thread_id: str) -> list[StoredMail]:
        """A thread, oldest mail first."""
        found = [mail for mail in self.mails.values() if mail.thread_id == thread_id]
        if not found:
            raise NoSuchThing
        return found

    def list_since(self, start: int) -> list[Record]:
        """The history after a cursor."""
        if start <= self.forgotten_through or start > self.history_id:
            raise NoSuchThing
        return [record for record in self.records if record.id > start]

    def search(self, query: str) -> list[StoredMail]:
        """What a search finds, newest first. Knows `after:SECONDS`, `to:ADDRESS`, and `in:` and `-in:` with a label."""
        found = [mail for mail in self.mails.values() if not {"SPAM", "TRASH"} & set(mail.labels)]
        for term in query.split():
            operator, _, value = term.partition(":")
            label = value.upper().rstrip("S") if value != "sent" else "SENT"
            if operator == "after":
                found = [mail for mail in found if mail.arrived_ms >= int(value) * 1000]
            elif operator == "to":
                found = [mail for mail in found if value in str(mail.headers.get("To", "")).lower()]
            elif operator == "in":
                found = [mail for mail in found if label in mail.labels]
            elif operator == "-in":
                found = [mail for mail in found if label not in mail.labels]
            else:
                raise ValueError(term)
        return sorted(found, key=lambda mail: (mail.arrived_ms, mail.id), reverse=True)

    def _find_threads(self, raw: bytes) -> list[str]:
        """The threads that a mail fits in, by References and subject."""
        new = StoredMail("", "", [], raw, 0, 0)
        named = _IDS.findall(f"{new.headers.get('In-Reply-To', '')} {new.headers.get('References', '')}")
        known = [mail for name in named for mail in self.by_message_id.get(name, []) if mail.id in self.mails]
        return [mail.thread_id for mail in known if mail.subject == new.subject]

    def _store(self, raw: bytes, labels: Iterable[str], thread_id: str | None, arrived: datetime | None) -> StoredMail:
        mail_id = f"{_FIRST_ID + self.history_id:016x}"
        when = arrived or datetime.now(UTC)
        mail = StoredMail(mail_id, thread_id or mail_id, list(labels), raw, 0, int(when.timestamp() * 1000))
        self.mails[mail_id] = mail
        self.by_message_id.setdefault(str(mail.headers.get("Message-ID", "")).strip(), []).append(mail)
        self._record("messagesAdded", mail, ())
        return mail

    def _record(self, change: Change, mail: StoredMail, labels: Iterable[str]) -> None:
        self.history_id += 7  # ids rise with gaps
        mail.history_id = self.history_id
        self.records.append(Record(self.history_id, change, mail.id, mail.thread_id, tuple(labels), tuple(mail.labels)))

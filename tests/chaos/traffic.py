"""Customers who keep writing, and remember which of their messages were accepted."""

import random
import re
from bisect import bisect
from collections.abc import Callable
from itertools import accumulate

from database import queue
from database.pool import DbPool
from database.types import Channel, Identity, InboundMessage
from tests.database.builders import make_message, make_request

# Mail and WhatsApp have senders that must not be repeated, the web has one that may.
INBOXES: tuple[tuple[Channel, str], ...] = (("gmail", "support@example.com"), ("web", "form"), ("whatsapp", "+4930123"))
CUSTOMERS = 40
QUIET_SECONDS = 0.2
_NAME = re.compile(r"#(\d+)\.(\d+)")


def read_names(text: str) -> list[str]:
    """The messages that a text names: a customer's message names itself, and a reply those that it covers."""
    return [match[0] for match in _NAME.finditer(text)]


class Traffic:
    """Threads with messages named `#thread.number`. Thread n is written to in proportion to 1 / n ** `skew`."""

    def __init__(
        self,
        pool: DbPool,
        *,
        threads: int,
        skew: float = 0.0,
        seed: int = 1,
        on_accepted: Callable[[], None] = lambda: None,
    ) -> None:
        self.accepted: list[list[InboundMessage]] = [[] for _ in range(threads)]
        self._pool = pool
        self._on_accepted = on_accepted
        self._chance = random.Random(seed)
        self._weights = list(accumulate((number + 1) ** -skew for number in range(threads)))
        self._written = [0] * threads

    @property
    def count(self) -> int:
        """How many messages were accepted."""
        return sum(len(messages) for messages in self.accepted)

    async def open_inboxes(self) -> None:
        """The quiet period of the chat is short, so that it is passed often and holds nothing up."""
        await self._pool.execute(
            "INSERT INTO channel_configs (channel, inbox, quiet_seconds) VALUES ($1, $2, $3)",
            *INBOXES[2],
            QUIET_SECONDS,
        )

    def write(self, thread: int | None = None) -> InboundMessage:
        """The next message of a thread, which is not published yet."""
        if thread is None:
            thread = bisect(self._weights, self._chance.random() * self._weights[-1])
        self._written[thread] += 1
        channel, inbox = INBOXES[thread % len(INBOXES)]
        ref = f"TF-20261121-{thread + 5000:04d}"  # beyond the numbers that the desk gives out itself
        name = f"#{thread}.{self._written[thread]}"
        return make_message(
            ref if channel == "web" else f"contact-{thread}",
            name,
            text=name,
            channel=channel,
            inbox=inbox,
            sender=Identity(kind="email", value=f"customer{thread % CUSTOMERS}@example.com", level="self_reported"),
            ticket=make_request(ref) if channel == "web" else None,
        )

    async def publish(self, message: InboundMessage) -> None:
        """Publish a message; what was committed is accepted."""
        async with self._pool.acquire() as conn:
            assert (await queue.publish(conn, message)).is_new
        self._accept(message)

    async def publish_burst(self, size: int) -> None:
        """Publish several messages at once, most of them in one thread."""
        first = self.write()
        burst = [first] + [self.write(_thread_of(first)) for _ in range(size - 2)] + [self.write()]
        async with self._pool.acquire() as conn:
            published = await queue.publish_many(conn, burst)
        assert all(one.is_new for one in published)
        for message in burst:
            self._accept(message)

    async def repeat(self) -> None:
        """A channel delivers once more what was accepted long ago."""
        known = [messages for messages in self.accepted if messages]
        if known:
            message = self._chance.choice(self._chance.choice(known))
            async with self._pool.acquire() as conn:
                assert not (await queue.publish(conn, message)).is_new

    async def do_something(self) -> None:
        """Mostly a message, now and then a burst or a repetition."""
        match self._chance.random():
            case chance if chance < 0.7:
                await self.publish(self.write())
            case chance if chance < 0.9:
                await self.publish_burst(self._chance.randint(3, 6))
            case _:
                await self.repeat()

    def _accept(self, message: InboundMessage) -> None:
        self.accepted[_thread_of(message)].append(message)
        self._on_accepted()


def _thread_of(message: InboundMessage) -> int:
    return int(message.text[1:].partition(".")[0])

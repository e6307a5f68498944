"""Customers on every channel, and vendors that bring their messages late, twice, in another order, or not at all."""

import asyncio
import random
from collections import defaultdict
from email.message import EmailMessage

import httpx

from tests.emulators.gmail_accounts import make_push
from tests.emulators.twilio_webhooks import post, receive_message
from tests.storm.vendors import MAILBOX, Vendors

CHANNELS = ("gmail", "twilio", "meta", "web", "mailbox")
_LOST_WEBHOOKS = 0.03
_PAUSE_SECONDS = 0.3


class Customers:
    """Threads with messages named `#thread.number`; a thread stays on its channel."""

    def __init__(self, vendors: Vendors, threads: int, chance: random.Random) -> None:
        self.vendors = vendors
        self.written = defaultdict[int, list[str]](list)
        self.has_written = asyncio.Event()
        self._chance = chance
        self._threads = threads
        self._channels = CHANNELS if vendors.dovecot else CHANNELS[:-1]
        self._tickets: dict[int, tuple[str, str]] = {}
        self._busy = defaultdict[int, asyncio.Lock](asyncio.Lock)
        self._client = httpx.AsyncClient(base_url=vendors.api_url, timeout=10)

    @property
    def count(self) -> int:
        """Messages that a vendor, or the web form, has taken."""
        return sum(map(len, self.written.values()))

    def find_channel(self, thread: int) -> str:
        """Where this thread is written."""
        return self._channels[thread % len(self._channels)]

    async def write(self) -> None:
        """One message of one customer; returns when it can no longer be lost by anybody but the desk."""
        thread = self._chance.randrange(self._threads)
        async with self._busy[thread]:
            name = f"#{thread}.{len(self.written[thread]) + 1}"
            match self.find_channel(thread):
                case "gmail":
                    await self._mail_to_gmail(thread, name)
                case "twilio":
                    await self._write_through_twilio(thread, name)
                case "meta":
                    self.vendors.meta.write_in([{"text": name, "phone": f"4917600{thread:05d}", "id": f"wamid.{name}"}])
                case "web":
                    await self._fill_form(thread, name)
                case "mailbox":
                    assert self.vendors.dovecot is not None
                    self.vendors.dovecot.deliver(MAILBOX, self._build_mail(thread, name, MAILBOX))
            self.written[thread].append(name)
            self.has_written.set()

    async def aclose(self) -> None:
        """Hang up."""
        await self._client.aclose()

    def _build_mail(self, thread: int, name: str, to: str) -> bytes:
        """A mail in the thread of this customer's earlier ones, whose references some clients shorten."""
        mail = EmailMessage()
        mail["From"] = f"Customer {thread} <customer{thread}@example.net>"
        mail["To"] = to
        mail["Subject"] = f"{'Re: ' if self.written[thread] else ''}Export {thread}"
        mail["Message-ID"] = f"<{name[1:]}@example.net>"
        earlier = [f"<{before[1:]}@example.net>" for before in self.written[thread]]
        if earlier:
            mail["In-Reply-To"] = earlier[-1]
            mail["References"] = " ".join(earlier[-self._chance.randint(1, 5) :])
        mail.set_content(f"{name}\n")
        return mail.as_bytes()

    async def _mail_to_gmail(self, thread: int, name: str) -> None:
        gmail = self.vendors.gmail
        gmail.mailbox.deliver(self._build_mail(thread, name, gmail.mailbox.address))
        body = make_push(gmail.mailbox.address, gmail.mailbox.history_id)
        headers = {"authorization": f"Bearer {gmail.accounts.make_push_token(self.vendors.api_url)}"}
        # Pushes are a courtesy: some do not come, some come twice, and nobody repeats those that meet a dead desk.
        for _ in range(self._chance.choice((0, 1, 1, 2))):
            try:
                await self._client.post("/webhooks/gmail", content=body, headers=headers)
            except httpx.TransportError:
                return

    async def _write_through_twilio(self, thread: int, name: str) -> None:
        twilio = self.vendors.twilio
        phone = f"4917500{thread:05d}"
        wanted = {"From": f"whatsapp:+{phone}", "WaId": phone, "ProfileName": f"Customer {thread}", "Body": name}
        fields = receive_message(twilio, dict(wanted))
        if self._chance.random() < _LOST_WEBHOOKS:
            return  # the desk must find it in Twilio's list
        copies = self._chance.choice((1, 1, 2))
        while copies:
            answered = await post(twilio, f"{self.vendors.api_url}/webhooks/whatsapp", fields)
            if answered == httpx.codes.OK:
                copies -= 1
            else:
                await asyncio.sleep(_PAUSE_SECONDS)  # `#rc` in the webhook's URL asks Twilio for this

    async def _fill_form(self, thread: int, name: str) -> None:
        known = self._tickets.get(thread)
        if known is None:
            form = {
                "name": f"Customer {thread}",
                "email": f"customer{thread}@example.net",
                "subject": f"Export {thread}",
            }
            body = form | {"category": "general", "priority": "medium", "message": f"{name} and further words"}
            path, headers = "/support/submit", {}
        else:
            path, body = f"/support/ticket/{known[0]}/messages", {"message": name}
            headers = {"Authorization": f"Bearer {known[1]}"}
        accepted = await self._insist(path, body, headers | {"Idempotency-Key": name})
        self._tickets.setdefault(thread, (accepted["ticket_ref"], accepted.get("ticket_token", "")))

    async def _insist(self, path: str, body: dict[str, str], headers: dict[str, str]) -> dict[str, str]:
        while True:
            try:
                answer = await self._client.post(path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if answer.status_code == httpx.codes.ACCEPTED:
                accepted: dict[str, str] = answer.json()
                return accepted
            assert answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR, answer.text
            await asyncio.sleep(_PAUSE_SECONDS)

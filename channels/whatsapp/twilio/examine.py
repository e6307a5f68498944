"""Whether Twilio knows us, and posts what customers write to this desk.

https://www.twilio.com/docs/whatsapp/api/senders and https://www.twilio.com/docs/iam/api/account
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from channels.base import SignInNeeded, VendorAway
from channels.whatsapp.twilio.address import PREFIX
from channels.whatsapp.twilio.answers import translate_problems
from channels.whatsapp.twilio.client import TwilioApi
from core.channel_settings import TwilioSettings
from core.findings import Finding

# Accounts have a handful of numbers; a longer list is somebody else's.
_MAX_SENDERS = 200


@dataclass(frozen=True, slots=True)
class _Sender:
    """How our number stands, and where what it receives is posted to."""

    status: str
    method: str
    url: str


class TwilioExaminer:
    """Reads the account, and the sender that our number is. `webhook` is where Twilio should post."""

    def __init__(self, settings: TwilioSettings, webhook: str | None, *, timeout_seconds: float = 5.0) -> None:
        self._settings = settings
        self._webhook = webhook
        self._timeout = timeout_seconds

    @property
    def name(self) -> str:
        """The vendor; there is one number."""
        return "Twilio"

    @property
    def reached_by(self) -> str:
        """Its addresses are its own."""
        return "the network, and status.twilio.com"

    async def examine(self) -> Sequence[Finding]:
        """How the account stands, and the sender."""
        try:
            account = await asyncio.to_thread(self._examine_account)
        except SignInNeeded as error:
            remedy = "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to those on the Twilio Console's front page."
            return [Finding.problem(str(error), remedy)]
        return [account, await self._examine_sender()]

    def _examine_account(self) -> Finding:
        client, _ = TwilioApi(self._settings, self._timeout).open()
        with translate_problems():
            account = client.api.accounts(self._settings.account_sid).fetch()
            status, kind = str(account.status), str(account.type)
        if status != "active":
            return Finding.problem(f"the account is {status}", "Settle what the Twilio Console asks for.")
        if kind == "Trial":
            return Finding.advice(
                "a trial account reaches verified numbers alone", "Upgrade the account in the Twilio Console."
            )
        return Finding.ok("the account is active")

    async def _examine_sender(self) -> Finding:
        number = self._settings.number
        try:
            sender = await asyncio.to_thread(self._find_sender)
        except (SignInNeeded, VendorAway) as error:
            return Finding.advice(f"Twilio does not show our sender ({error})", self._write_remedy())
        if sender is None:
            found = f"{number} is not among the account's senders; the sandbox never is"
            return Finding.advice(found, self._write_remedy())
        if not sender.status.startswith("ONLINE"):
            return Finding.problem(f"{number} is {sender.status}", "Bring the sender online in the Twilio Console.")
        if self._webhook is None:
            return Finding.advice(f"{number} is online; where Twilio posts is not compared", "Set API_PUBLIC_URL.")
        if (sender.method, sender.url) != ("POST", self._webhook):
            where = f"{sender.method} {sender.url}" if sender.url else "nowhere"
            return Finding.problem(f"Twilio posts what customers write to {where}", self._write_remedy())
        return Finding.ok(f"{number} is online and posts to this desk")

    def _find_sender(self) -> _Sender | None:
        # Senders are on a host of their own, beside that of messages, also in Twilio's other regions.
        host = self._settings.api_url.replace("://api.", "://messaging.", 1)
        client, _ = TwilioApi(self._settings.model_copy(update={"api_url": host}), self._timeout).open()
        with translate_problems():
            senders = client.messaging.v2.channels_senders.list(channel="whatsapp", limit=_MAX_SENDERS)
            ours = [sender for sender in senders if sender.sender_id == f"{PREFIX}{self._settings.number}"]
            return _read_sender(ours[0]) if ours else None

    def _write_remedy(self) -> str:
        address = self._webhook or "API_PUBLIC_URL/webhooks/whatsapp"
        return f"In the Twilio Console, let “When a message comes in” of this number POST to {address}#rc=5&rp=all."


def _read_sender(sender: Any) -> _Sender:  # noqa: ANN401  # the SDK has no types
    webhook = sender.webhook or {}
    # The fragment is for Twilio itself, about trying again; it is never sent.
    url = (webhook.get("callback_url") or "").partition("#")[0]
    return _Sender(str(sender.status), webhook.get("callback_method") or "POST", url)

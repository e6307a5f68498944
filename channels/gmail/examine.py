"""Whether the desk is signed in to the right Gmail mailbox, and hears of its news."""

from collections.abc import Sequence
from pathlib import Path

from channels.base import SignInNeeded
from channels.gmail.answers import reading
from channels.gmail.client import GmailClient, read_profile
from channels.gmail.sign_in import GmailSignIn
from core.channel_settings import GmailSettings
from core.findings import Finding

_AUTHORIZE = "Run `nightdesk gmail authorize` and choose {}."
_DELEGATE = "Allow the service account both scopes under domain-wide delegation, for {}."


class GmailExaminer:
    """Reads the mailbox's profile."""

    def __init__(self, settings: GmailSettings, token_file: Path, *, timeout_seconds: float = 5.0) -> None:
        sign_in = GmailSignIn(settings, token_file, timeout=timeout_seconds)
        self._client = GmailClient(settings.api_url, sign_in, timeout=timeout_seconds)
        self._settings = settings

    @property
    def name(self) -> str:
        """The vendor; there is one mailbox."""
        return "Gmail"

    @property
    def reached_by(self) -> str:
        """Its addresses are its own."""
        return "the network, and Google's status page"

    async def examine(self) -> Sequence[Finding]:
        """Whose mailbox it is, and whether Gmail tells us of news."""
        return [await self._examine_sign_in(), self._examine_push()]

    async def _examine_sign_in(self) -> Finding:
        wanted = self._settings.address
        sign_in = _DELEGATE if self._settings.service_account_file else _AUTHORIZE
        try:
            with reading("the profile"):
                address = str((await read_profile(self._client))["emailAddress"]).lower()
        except SignInNeeded as error:
            return Finding.problem(str(error), sign_in.format(wanted))
        if address != wanted:
            return Finding.problem(
                f"signed in as {address}, but GMAIL_ADDRESS is {wanted}: pushes are ignored", sign_in.format(wanted)
            )
        return Finding.ok(f"signed in as {address}")

    def _examine_push(self) -> Finding:
        if self._settings.topic is None:
            return Finding.ok(f"not pushed (GMAIL_TOPIC is not set); read every {self._settings.poll_seconds:g} s")
        return Finding.ok(f"pushes come by {self._settings.topic}")

"""Whether the mailbox lets us in, on both its servers."""

from collections.abc import Sequence

from channels.base import DeliveryFailed, InboxBlocked, SignInNeeded, VendorAway
from channels.mailbox.imap import ImapAccess, ImapConnection
from channels.mailbox.send import MailboxSender, SmtpAccess
from core.findings import Finding

_SIGN_IN = "Set MAILBOX_USER and MAILBOX_PASSWORD to what {} takes; many providers want an app password."


class ImapExaminer:
    """Signs in and opens the folder, as every poll does."""

    def __init__(self, access: ImapAccess) -> None:
        self._access = access

    @property
    def name(self) -> str:
        """The server."""
        return f"IMAP {self._access.host}"

    @property
    def reached_by(self) -> str:
        """What says where it is."""
        return "MAILBOX_IMAP_HOST and MAILBOX_IMAP_PORT, and MAILBOX_FOLDER"

    async def examine(self) -> Sequence[Finding]:
        """Whether the folder can be read."""
        try:
            connection = await ImapConnection.open(self._access)
        except SignInNeeded as error:
            return [Finding.problem(str(error), _SIGN_IN.format(self._access.host))]
        await connection.aclose()
        return [Finding.ok(f"signed in as {self._access.user}; {self._access.folder} can be read")]


class SmtpExaminer:
    """Signs in and hangs up."""

    def __init__(self, sender: MailboxSender, access: SmtpAccess) -> None:
        self._sender = sender
        self._access = access

    @property
    def name(self) -> str:
        """The server."""
        return f"SMTP {self._access.host}"

    @property
    def reached_by(self) -> str:
        """What says where it is."""
        return "MAILBOX_SMTP_HOST and MAILBOX_SMTP_PORT"

    async def examine(self) -> Sequence[Finding]:
        """Whether mail could be handed in."""
        try:
            await self._sender.try_sign_in()
        except SignInNeeded as error:
            return [Finding.problem(str(error), _SIGN_IN.format(self._access.host))]
        except InboxBlocked as error:
            return [Finding.problem(str(error), "Set MAILBOX_SMTP_SECURITY and MAILBOX_SMTP_PORT to what it offers.")]
        except DeliveryFailed as error:
            raise VendorAway(str(error)) from None
        return [Finding.ok(f"signed in as {self._access.user}; nothing was sent")]

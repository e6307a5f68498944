"""What the two ways to WhatsApp have in common, so that one Sender stands above both."""

from typing import Protocol

from channels.base import InboxBlocked, RateLimited, Receipt
from database.types import OutboundMessage, WhatsAppPath

# The longest that one answer stops a whole inbox: a wrong header must not silence it for hours.
_MAX_PAUSE_SECONDS = 300.0


class ProviderUnavailable(InboxBlocked):
    """The provider refuses our account for a reason that passes; another provider may deliver at once."""


def limit_rate(reason: str, seconds: float) -> RateLimited:
    """The provider's wish for fewer sends, for so many seconds, at most five minutes."""
    return RateLimited(reason, retry_after=min(seconds, _MAX_PAUSE_SECONDS))


class Provider(Protocol):
    """One account with one provider.

    Both methods raise DeliveryFailed where the provider surely did not take the message, DeliveryUncertain where that
    cannot be told, and SignInNeeded where it refuses our credentials.
    """

    @property
    def inbox(self) -> str:
        """Its name among our inboxes: our number at Twilio, the phone_number_id at Meta."""
        ...

    @property
    def has_template(self) -> bool:
        """Whether a template is configured that invites a customer back."""
        ...

    async def send(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        """Deliver the text of a message."""
        ...

    async def send_template(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        """Invite the customer back with the configured template."""
        ...

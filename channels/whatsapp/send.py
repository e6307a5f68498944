"""Delivery on WhatsApp, through whichever provider the customer wrote to."""

from collections.abc import Mapping

from channels.base import (
    DeliveryFailed,
    Receipt,
    Reconciler,
    SignInNeeded,
    VendorAway,
    WindowClosed,
)
from channels.whatsapp.provider import Provider, ProviderUnavailable
from core.clock import Clock
from database.types import OutboundMessage, WhatsAppPath, WhatsAppProvider


class WhatsAppSender:
    """The channel's Sender and Reconciler. `reconcilers` are of those providers that can be asked."""

    is_repeatable = False

    def __init__(
        self,
        providers: Mapping[WhatsAppProvider, Provider],
        reconcilers: Mapping[WhatsAppProvider, Reconciler],
        *,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._reconcilers = reconcilers
        self._clock = clock

    async def send(self, message: OutboundMessage) -> Receipt:
        """Deliver one reply, or the template that invites the customer back.

        Raises WindowClosed for a reply that the customer's 24 hours no longer cover.
        """
        path = _require_path(message)
        if message.kind == "code":
            raise DeliveryFailed("codes are not sent on WhatsApp", permanent=True)
        if message.kind == "reply" and message.window_until is not None and self._clock() >= message.window_until:
            raise WindowClosed("the customer's 24 hours are over")
        try:
            return await self._deliver(message, path)
        except ProviderUnavailable as refusal:
            if path.provider != "meta" or "twilio" not in self._providers or path.phone is None:
                raise
            return await self._deliver_instead(message, path, refusal)

    async def find(self, message: OutboundMessage) -> Receipt | None:
        """What became of a reply. Raises VendorAway where the provider cannot be asked."""
        path = _require_path(message)
        reconciler = self._reconcilers.get(path.provider)
        if reconciler is None:
            raise VendorAway(f"{path.provider.title()} cannot be asked")
        return await reconciler.find(message)

    async def _deliver(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        provider = self._providers.get(path.provider)
        if provider is None:
            raise DeliveryFailed(f"WhatsApp through {path.provider.title()} is not configured", permanent=True)
        if message.kind == "template":
            if not provider.has_template:
                raise DeliveryFailed("no template is configured", permanent=True)
            await message.hand_over()
            return await provider.send_template(message, path)
        await message.hand_over()
        return await provider.send(message, path)

    async def _deliver_instead(
        self, message: OutboundMessage, path: WhatsAppPath, refusal: ProviderUnavailable
    ) -> Receipt:
        """Through Twilio what Meta refused. Our number there is another one.

        So where Twilio refuses too, be it for its own window of 24 hours, the message waits for Meta.
        """
        # A user id is Meta's name for the customer towards one business account, and this is the other.
        other = WhatsAppPath(provider="twilio", phone=path.phone)
        try:
            return await self._deliver(message, other)
        except (DeliveryFailed, SignInNeeded):
            raise refusal from None


def _require_path(message: OutboundMessage) -> WhatsAppPath:
    if not isinstance(message.path, WhatsAppPath):
        raise DeliveryFailed("it is not known how to reach this customer on WhatsApp", permanent=True)
    return message.path

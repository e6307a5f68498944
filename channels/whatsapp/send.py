"""Delivery on WhatsApp, through whichever provider the customer wrote to."""

from collections.abc import Mapping
from dataclasses import replace

from channels.base import (
    DeliveryFailed,
    InboxBlocked,
    RateLimited,
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
        provider = self._choose_provider(message, path)
        try:
            return await _deliver(provider, message, path)
        except ProviderUnavailable as refusal:
            fallback = self._providers.get("twilio") if path.provider == "meta" else None
            if fallback is None:
                raise
            return await _deliver_instead(fallback, message, path, refusal)

    async def find(self, message: OutboundMessage) -> Receipt | None:
        """What became of a reply. Raises VendorAway where the provider cannot be asked."""
        path = _require_path(message)
        reconciler = self._reconcilers.get(path.provider)
        if reconciler is not None:
            return await reconciler.find(message)
        receipt = await self._find_instead(message, path)
        if receipt is None:
            raise VendorAway(f"{path.provider.title()} cannot be asked")
        return receipt

    def _choose_provider(self, message: OutboundMessage, path: WhatsAppPath) -> Provider:
        provider = self._providers.get(path.provider)
        if provider is None:
            raise DeliveryFailed(f"WhatsApp through {path.provider.title()} is not configured", permanent=True)
        if provider.inbox != message.inbox:
            # To the customer the reply would be a stranger's, and with the new number no window is open.
            raise DeliveryFailed("the number that the customer wrote to is not configured any more", permanent=True)
        return provider

    async def _find_instead(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt | None:
        """Among what Twilio sent in the place of Meta, from its own number."""
        provider, reconciler = self._providers.get("twilio"), self._reconcilers.get("twilio")
        if provider is None or reconciler is None or path.phone is None:
            return None
        try:
            return await reconciler.find(replace(message, inbox=provider.inbox, path=_write_fallback(path)))
        except SignInNeeded as error:
            # It is not the inbox of this reply that somebody must sign in to.
            raise VendorAway(str(error)) from error


async def _deliver(provider: Provider, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
    if message.kind == "template":
        if not provider.has_template:
            raise DeliveryFailed("no template is configured", permanent=True)
        await message.hand_over()
        return await provider.send_template(message, path)
    await message.hand_over()
    return await provider.send(message, path)


async def _deliver_instead(
    fallback: Provider, message: OutboundMessage, path: WhatsAppPath, refusal: ProviderUnavailable
) -> Receipt:
    """Through Twilio what Meta refused. Our number there is another one, with its own window of 24 hours.

    What Twilio refuses of this reply lets it alone wait for Meta, so that the others keep going through Twilio.
    """
    waits = DeliveryFailed(str(refusal), permanent=False, retry_after=refusal.retry_after)
    if path.phone is None:
        raise waits from refusal
    try:
        return await _deliver(fallback, message, _write_fallback(path))
    except RateLimited:
        raise
    except (InboxBlocked, SignInNeeded):
        raise refusal from None
    except DeliveryFailed:
        raise waits from None


def _write_fallback(path: WhatsAppPath) -> WhatsAppPath:
    # A user id is Meta's name for the customer towards one business account, and Twilio's is the other.
    return WhatsAppPath(provider="twilio", phone=path.phone)


def _require_path(message: OutboundMessage) -> WhatsAppPath:
    if not isinstance(message.path, WhatsAppPath):
        raise DeliveryFailed("it is not known how to reach this customer on WhatsApp", permanent=True)
    return message.path

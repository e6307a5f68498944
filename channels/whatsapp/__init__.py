"""WhatsApp, through Twilio or straight from Meta."""

from channels.base import ChannelKit, Examiner, MediaFetcher, Receiver, Reconciler
from channels.whatsapp import meta, twilio
from channels.whatsapp.media import WhatsAppMedia
from channels.whatsapp.meta.examine import MetaExaminer
from channels.whatsapp.meta.media import MetaMedia
from channels.whatsapp.meta.receive import MetaReceiver
from channels.whatsapp.meta.send import MetaProvider
from channels.whatsapp.provider import Provider
from channels.whatsapp.send import WhatsAppSender
from channels.whatsapp.twilio.examine import TwilioExaminer
from channels.whatsapp.twilio.find import TwilioReconciler
from channels.whatsapp.twilio.media import TwilioMedia
from channels.whatsapp.twilio.poll import TwilioPoller
from channels.whatsapp.twilio.receive import TwilioReceiver, TwilioStatusReceiver
from channels.whatsapp.twilio.send import TwilioProvider
from channels.whatsapp.write import WhatsAppWriter
from core.clock import Clock, read_system_clock
from core.errors import OperatorError
from core.settings import Settings
from database.types import WhatsAppProvider


def build(settings: Settings, *, clock: Clock = read_system_clock) -> ChannelKit:
    """The WhatsApp channel; without a provider it neither receives nor sends."""
    providers: dict[WhatsAppProvider, Provider] = {}
    reconcilers: dict[WhatsAppProvider, Reconciler] = {}
    receivers: dict[str, Receiver] = {}
    fetchers: dict[str, MediaFetcher] = {}
    pollers: list[TwilioPoller] = []
    examiners: list[Examiner] = []
    limits: list[float] = []
    if twilio.is_configured(settings.twilio):
        _require_public_url(settings)
        provider = TwilioProvider(settings.twilio, public_url=settings.api.public_url)
        providers["twilio"] = provider
        reconcilers["twilio"] = TwilioReconciler(settings.twilio)
        receivers["whatsapp"] = TwilioReceiver(settings.twilio)
        receivers["whatsapp/status"] = TwilioStatusReceiver(settings.twilio)
        fetchers[provider.inbox] = TwilioMedia(settings.twilio)
        pollers.append(TwilioPoller(settings.twilio, clock=clock))
        examiners.append(TwilioExaminer(settings.twilio, _find_webhook(settings, "whatsapp")))
        limits.append(settings.twilio.sends_per_minute)
    if meta.is_configured(settings.meta):
        meta_provider = MetaProvider(settings.meta)
        providers["meta"] = meta_provider
        receivers["whatsapp/meta"] = MetaReceiver(settings.meta)
        fetchers[meta_provider.inbox] = MetaMedia(settings.meta)
        examiners.append(MetaExaminer(settings.meta, _find_webhook(settings, "whatsapp/meta")))
        limits.append(settings.meta.sends_per_minute)
    sender = WhatsAppSender(providers, reconcilers, clock=clock) if providers else None
    return ChannelKit(
        "whatsapp",
        WhatsAppWriter(),
        sender,
        reconciler=sender,
        receivers=receivers,
        pollers=pollers,
        media=WhatsAppMedia(fetchers) if fetchers else None,
        sends_per_minute=min(limits, default=None),
        examiners=examiners,
    )


def _find_webhook(settings: Settings, receiver: str) -> str | None:
    """Where a provider should post, if the desk has a public address."""
    public_url = settings.api.public_url
    return None if public_url is None else f"{public_url}/webhooks/{receiver}"


def _require_public_url(settings: Settings) -> None:
    """Twilio signs the address it calls; taken from the request's Host, anybody could choose it."""
    if settings.twilio.require_signature and settings.api.public_url is None:
        raise OperatorError("API_PUBLIC_URL: expected where Twilio is configured, because Twilio signs that address")

"""One sender stands above both providers: it keeps the customer's 24 hours and lets Twilio step in for Meta."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from channels.base import (
    DeliveryFailed,
    DeliveryUncertain,
    InboxBlocked,
    RateLimited,
    Receipt,
    Reconciler,
    SignInNeeded,
    VendorAway,
    WindowClosed,
)
from channels.whatsapp import build
from channels.whatsapp.provider import ProviderUnavailable
from channels.whatsapp.send import WhatsAppSender
from core.channel_settings import MetaSettings, TwilioSettings
from core.settings import ApiSettings, Settings
from database.types import OutboundMessage, WhatsAppPath, WhatsAppProvider
from tests.channels.whatsapp.twilio_samples import CUSTOMER, NOON, NUMBER, USER_ID, make_reply, make_settings

META = WhatsAppPath(provider="meta", phone=CUSTOMER, user_id=USER_ID)
HIDDEN = WhatsAppPath(provider="meta", user_id=USER_ID)


@dataclass
class StubProvider:
    """Accepts everything, or fails as it was told."""

    name: str = "twilio"
    inbox: str = NUMBER
    has_template: bool = True
    failure: Exception | None = None
    sent: list[tuple[str, WhatsAppPath]] = field(default_factory=list)
    found: Receipt | Exception | None = None
    asked: list[OutboundMessage] = field(default_factory=list)

    async def send(self, _message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        return self._accept("text", path)

    async def send_template(self, _message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        return self._accept("template", path)

    async def find(self, message: OutboundMessage) -> Receipt | None:
        self.asked.append(message)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def _accept(self, what: str, path: WhatsAppPath) -> Receipt:
        self.sent.append((what, path))
        if self.failure is not None:
            raise self.failure
        return Receipt(vendor_id=self.name)


def make_sender(providers: Mapping[WhatsAppProvider, StubProvider], now: datetime = NOON) -> WhatsAppSender:
    reconcilers: dict[WhatsAppProvider, Reconciler] = {
        name: provider for name, provider in providers.items() if name == "twilio"
    }
    return WhatsAppSender(providers, reconcilers, clock=lambda: now)


@pytest.mark.parametrize("name", ["twilio", "meta"])
async def test_a_reply_goes_through_the_provider_that_the_customer_wrote_to(name: WhatsAppProvider) -> None:
    providers: dict[WhatsAppProvider, StubProvider] = {"twilio": StubProvider("twilio"), "meta": StubProvider("meta")}
    path = WhatsAppPath(provider=name, phone=CUSTOMER)
    assert (await make_sender(providers).send(make_reply(path=path))).vendor_id == name
    assert [provider.sent for provider in providers.values() if provider.name != name] == [[]]


def test_a_send_is_never_simply_done_again() -> None:
    assert not make_sender({}).is_repeatable


@pytest.mark.parametrize(("seconds", "is_open"), [(1, True), (0, False), (-1, False)])
async def test_the_window_closes_on_the_second(seconds: int, is_open: bool) -> None:
    twilio = StubProvider()
    reply = make_reply(window_until=NOON + timedelta(seconds=seconds))
    if is_open:
        await make_sender({"twilio": twilio}).send(reply)
    else:
        with pytest.raises(WindowClosed):
            await make_sender({"twilio": twilio}).send(reply)
    assert bool(twilio.sent) is is_open


async def test_a_template_is_sent_outside_the_window() -> None:
    twilio = StubProvider()
    await make_sender({"twilio": twilio}).send(make_reply(kind="template", window_until=NOON - timedelta(days=3)))
    assert [what for what, _ in twilio.sent] == ["template"]


async def test_an_unknown_window_is_left_to_the_vendor() -> None:
    twilio = StubProvider()
    await make_sender({"twilio": twilio}).send(make_reply())
    assert [what for what, _ in twilio.sent] == ["text"]


@pytest.mark.parametrize(
    "message",
    [
        make_reply(kind="code"),
        make_reply(path=None),
        make_reply(path=WhatsAppPath(provider="meta", phone=CUSTOMER)),
        make_reply(kind="template"),
        make_reply(inbox="+15550999"),
    ],
    ids=["a code", "no path", "no provider", "no template", "another number of ours"],
)
async def test_what_can_never_be_sent_is_a_permanent_failure(message: OutboundMessage) -> None:
    twilio = StubProvider(has_template=False)
    with pytest.raises(DeliveryFailed) as caught:
        await make_sender({"twilio": twilio}).send(message)
    assert caught.value.permanent
    assert twilio.sent == []


async def test_a_reply_to_a_number_that_meta_no_longer_has_for_us_goes_nowhere_else() -> None:
    meta, twilio = StubProvider("meta", inbox="106540352242922"), StubProvider("twilio")
    with pytest.raises(DeliveryFailed, match="not configured any more") as caught:
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(path=META, inbox="999999"))
    assert caught.value.permanent
    assert (meta.sent, twilio.sent) == ([], [])


@pytest.mark.parametrize("kind", ["reply", "template"])
async def test_twilio_steps_in_where_metas_account_is_refused(kind: str) -> None:
    meta, twilio = StubProvider("meta", failure=ProviderUnavailable("locked")), StubProvider("twilio")
    receipt = await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(kind=kind, path=META))
    assert receipt.vendor_id == "twilio"
    assert [path for _, path in twilio.sent] == [WhatsAppPath(provider="twilio", phone=CUSTOMER)]


@pytest.mark.parametrize(
    "failure",
    [
        InboxBlocked("limit"),
        RateLimited("slower", retry_after=5),
        DeliveryFailed("no", permanent=True),
        DeliveryUncertain("lost"),
        SignInNeeded("token"),
        WindowClosed("late"),
    ],
)
async def test_twilio_steps_in_for_nothing_else(failure: Exception) -> None:
    twilio = StubProvider("twilio")
    with pytest.raises(type(failure)):
        await make_sender({"meta": StubProvider(failure=failure), "twilio": twilio}).send(make_reply(path=META))
    assert twilio.sent == []


@pytest.mark.parametrize("path", [META, HIDDEN])
async def test_without_twilio_metas_refusal_blocks_the_inbox(path: WhatsAppPath) -> None:
    meta = StubProvider(failure=ProviderUnavailable("locked"))
    with pytest.raises(ProviderUnavailable):
        await make_sender({"meta": meta}).send(make_reply(path=path))


async def test_whom_twilio_cannot_reach_waits_alone_while_the_others_go_through_twilio() -> None:
    meta, twilio = StubProvider(failure=ProviderUnavailable("locked")), StubProvider()
    with pytest.raises(DeliveryFailed, match="locked") as caught:
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(path=HIDDEN))
    assert type(caught.value) is DeliveryFailed
    assert (caught.value.permanent, caught.value.retry_after) == (False, 900.0)
    assert twilio.sent == []


async def test_metas_account_never_steps_in_for_twilios() -> None:
    meta, twilio = StubProvider(), StubProvider(failure=ProviderUnavailable("locked"))
    with pytest.raises(ProviderUnavailable):
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply())
    assert meta.sent == []


@pytest.mark.parametrize("failure", [SignInNeeded("token"), InboxBlocked("limit")])
async def test_where_twilio_refuses_the_account_too_the_inbox_is_blocked(failure: Exception) -> None:
    meta, twilio = StubProvider(failure=ProviderUnavailable("locked")), StubProvider(failure=failure)
    with pytest.raises(ProviderUnavailable, match="locked"):
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(path=META))


@pytest.mark.parametrize("failure", [WindowClosed("late"), DeliveryFailed("no", permanent=True)])
async def test_what_twilio_refuses_of_one_reply_lets_it_alone_wait_for_meta(failure: Exception) -> None:
    meta, twilio = StubProvider(failure=ProviderUnavailable("locked")), StubProvider(failure=failure)
    with pytest.raises(DeliveryFailed, match="locked") as caught:
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(path=META))
    assert type(caught.value) is DeliveryFailed
    assert (caught.value.permanent, caught.value.retry_after) == (False, 900.0)


async def test_twilios_wish_for_fewer_sends_holds_when_it_stands_in() -> None:
    meta, twilio = StubProvider(failure=ProviderUnavailable("locked")), StubProvider()
    twilio.failure = RateLimited("slower", retry_after=5)
    with pytest.raises(RateLimited) as caught:
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(path=META))
    assert caught.value.retry_after == 5


async def test_where_twilio_may_have_taken_it_nothing_is_sent_again() -> None:
    meta = StubProvider(failure=ProviderUnavailable("locked"))
    twilio = StubProvider(failure=DeliveryUncertain("lost"))
    with pytest.raises(DeliveryUncertain):
        await make_sender({"meta": meta, "twilio": twilio}).send(make_reply(path=META))


async def test_a_reply_that_left_under_a_number_we_no_longer_have_is_still_looked_for() -> None:
    twilio = StubProvider(found=Receipt(vendor_id="SM1"))
    reply = make_reply(inbox="+15550999")
    assert await make_sender({"twilio": twilio}).find(reply) == Receipt(vendor_id="SM1")
    assert twilio.asked == [reply]


async def test_what_twilio_sent_in_metas_place_is_found_under_twilios_number() -> None:
    twilio = StubProvider(found=Receipt(vendor_id="SM1"))
    reply = make_reply(path=META, inbox="106540352242922")
    assert await make_sender({"meta": StubProvider("meta"), "twilio": twilio}).find(reply) == Receipt(vendor_id="SM1")
    (asked,) = twilio.asked
    assert (asked.inbox, asked.path) == (NUMBER, WhatsAppPath(provider="twilio", phone=CUSTOMER))


@pytest.mark.parametrize("found", [None, SignInNeeded("token"), VendorAway("down")])
async def test_what_twilio_does_not_have_may_still_be_with_meta(found: Exception | None) -> None:
    sender = make_sender({"meta": StubProvider("meta"), "twilio": StubProvider(found=found)})
    with pytest.raises(VendorAway):
        await sender.find(make_reply(path=META))


async def test_without_twilio_or_a_phone_number_nobody_can_be_asked_about_metas() -> None:
    twilio = StubProvider(found=Receipt(vendor_id="SM1"))
    with pytest.raises(VendorAway):
        await make_sender({"meta": StubProvider("meta")}).find(make_reply(path=META))
    with pytest.raises(VendorAway):
        await make_sender({"meta": StubProvider("meta"), "twilio": twilio}).find(make_reply(path=HIDDEN))
    assert twilio.asked == []


def configure(twilio: TwilioSettings | None = None, meta: MetaSettings | None = None) -> Settings:
    return Settings.model_construct(
        twilio=twilio or TwilioSettings(),
        meta=meta or MetaSettings(),
        api=ApiSettings(public_url="https://desk.example.com"),
    )


def test_without_a_provider_the_channel_only_writes() -> None:
    kit = build(configure())
    assert (kit.sender, kit.reconciler, kit.media, kit.sends_per_minute) == (None, None, None, None)
    assert not kit.receivers
    assert not kit.pollers


@pytest.mark.parametrize("missing", ["account_sid", "auth_token", "number"])
def test_half_a_twilio_account_is_none(missing: str) -> None:
    assert build(configure(make_settings(**{missing: None}))).sender is None


def test_twilio_brings_two_receivers_a_poller_and_a_reconciler() -> None:
    kit = build(configure(make_settings()))
    assert sorted(kit.receivers) == ["whatsapp", "whatsapp/status"]
    assert [poller.inbox for poller in kit.pollers] == [NUMBER]
    assert isinstance(kit.sender, WhatsAppSender)
    assert isinstance(kit.reconciler, WhatsAppSender)
    assert kit.media is not None
    assert kit.sends_per_minute == 600


def test_both_providers_share_the_channel_and_the_stricter_limit() -> None:
    meta = MetaSettings(phone_number_id="123456789", access_token=SecretStr("token"), app_secret=SecretStr("secret"))
    kit = build(configure(make_settings(), meta))
    assert sorted(kit.receivers) == ["whatsapp", "whatsapp/meta", "whatsapp/status"]
    assert kit.sends_per_minute == 600
    assert build(configure(meta=meta)).sends_per_minute == 1_000

"""The emulated Twilio's own requests: signed webhooks for messages, and status callbacks."""

import asyncio
import base64
import random
from typing import Any

import httpx
from twilio.request_validator import (
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)

from tests.emulators.twilio_state import API, Message, State


def sign(state: State, url: str, fields: dict[str, str]) -> dict[str, str]:
    """The headers of a signed request, made by Twilio's own library."""
    account = state.account
    if account.key_sid is None:
        return {SIGNATURE_HEADER: RequestValidator(account.auth_token).compute_signature(url, fields, HMAC_SHA1)}
    signature = RequestValidator(account.key_secret).compute_signature(url, fields, HMAC_SHA256)
    return {
        SIGNATURE_HEADER: signature,
        SIGNATURE_SETTINGS_HEADER: f"key={account.key_sid},algorithm={HMAC_SHA256}",
    }


async def post(state: State, url: str, fields: dict[str, str]) -> int | None:
    """Post a signed form once, as Twilio does; the answer's status, or None if nobody answered."""
    try:
        async with httpx.AsyncClient(timeout=15) as client:
            return (await client.post(url, data=fields, headers=sign(state, url, fields))).status_code
    except httpx.HTTPError:
        return None


async def report_statuses(state: State, message: Message) -> None:
    """Send the callbacks that the plan has for a message."""
    plan = state.plan
    statuses = list(reversed(plan.statuses)) if plan.reverse else plan.statuses
    for planned in statuses:
        status, _, code = planned.partition(":")
        if not plan.reverse or planned == plan.statuses[-1]:
            message.status, message.error_code = status, int(code) if code else None
        for _ in range(plan.repeat if message.callback else 0):
            await asyncio.sleep(plan.seconds)
            await _report(state, message, status, code)


async def _report(state: State, message: Message, status: str, code: str) -> None:
    fields = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "From": message.sender,
        "To": message.to,
        "AccountSid": state.account.sid,
        "ApiVersion": "2010-04-01",
        "ChannelPrefix": "whatsapp",
        "ChannelInstallSid": "XE" + "0" * 32,
    }
    fields |= {"ErrorCode": code, "ChannelStatusMessage": "emulated"} if code else {}
    fields |= {"EventType": "READ"} if status == "read" else {}
    answered = await post(state, message.callback or "", fields)
    state.callbacks.append(
        {"sid": message.sid, "outbox": message.outbox, "status": status, "code": code, "answered": answered}
    )


def receive_message(state: State, wanted: dict[str, Any]) -> dict[str, str]:
    """Take a customer's message as ordered and return the fields of its webhook.

    `wanted` has fields as Twilio names them, `From` at least, and `media`: objects with `content_type` and `base64`.
    """
    files = wanted.pop("media", [])
    sid = wanted.pop("MessageSid", None) or state.name("MM" if files else "SM")
    now = state.now()
    message = Message(
        sid, wanted["From"], f"whatsapp:{state.account.number}", wanted.get("Body", ""), "inbound", now, now, "received"
    )
    state.messages[sid] = message
    fields = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": state.account.sid,
        "To": message.to,
        "Body": "",
        "NumMedia": str(len(files)),
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    for index, file in enumerate(files):
        name = state.name("ME")
        state.files[name] = (file["content_type"], base64.b64decode(file["base64"]))
        message.media.append(name)
        fields[f"MediaUrl{index}"] = f"{state.url}{API}/{state.account.sid}/Messages/{sid}/Media/{name}"
        fields[f"MediaContentType{index}"] = file["content_type"]
    return fields | {name: str(value) for name, value in wanted.items()}


async def send_inbound(state: State, order: dict[str, Any]) -> list[dict[str, Any]]:
    """Post the webhooks of ordered messages to `url`; see the module of the server for what an order may say."""
    webhooks = [fields for wanted in order["messages"] for fields in [receive_message(state, dict(wanted))]]
    posts = [] if order.get("lose") else [fields for fields in webhooks for _ in range(order.get("repeat", 1))]
    if "seed" in order:
        random.Random(order["seed"]).shuffle(posts)
    if order.get("at_once"):
        answers = await asyncio.gather(*(post(state, order["url"], fields) for fields in posts))
    else:
        answers = [await post(state, order["url"], fields) for fields in posts]
    for fields, answered in zip(posts, answers, strict=True):
        state.webhooks.append({"sid": fields["MessageSid"], "answered": answered})
    statuses: dict[str, list[int | None]] = {fields["MessageSid"]: [] for fields in webhooks}
    for fields, answered in zip(posts, answers, strict=True):
        statuses[fields["MessageSid"]].append(answered)
    return [{"sid": sid, "answered": answered} for sid, answered in statuses.items()]

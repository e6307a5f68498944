"""Webhooks as their vendors send them: each request another message, and each with a signature that holds."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode
from uuid import uuid4

from google.auth import crypt, jwt
from twilio.request_validator import RequestValidator

from benchmarks.certificates import make_signing_pair
from benchmarks.http import build_request

PUBLIC_URL = "https://desk.example.com"
_TOKEN = "t" * 32
_APP_SECRET = "a" * 32
_TWILIO_NUMBER = "+493012345678"
_META_NUMBER = "100200300400500"
_MAILBOX = "support@example.com"
_PUSHER = "push@project.iam.gserviceaccount.com"
_KEY_FILE = "push-key.pem"
_KEY_ID = "benchmark"

# Below /webhooks/, by the channel's name in the results.
ADDRESSES = {"twilio": "whatsapp", "meta": "whatsapp/meta", "gmail": "gmail"}


def configure(certs_url: str) -> dict[str, str]:
    """The environment of an API that takes these webhooks. None of the accounts exists."""
    return {
        "API_PUBLIC_URL": PUBLIC_URL,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": _TOKEN,
        "TWILIO_NUMBER": _TWILIO_NUMBER,
        "META_PHONE_NUMBER_ID": _META_NUMBER,
        "META_ACCESS_TOKEN": _TOKEN,
        "META_APP_SECRET": _APP_SECRET,
        "META_VERIFY_TOKEN": _TOKEN,
        "GMAIL_ADDRESS": _MAILBOX,
        "GMAIL_CLIENT_ID": "client",
        "GMAIL_CLIENT_SECRET": _TOKEN,
        "GMAIL_REFRESH_TOKEN": _TOKEN,
        "GMAIL_TOPIC": "projects/p/topics/t",
        "GMAIL_PUSH_ACCOUNT": _PUSHER,
        "GMAIL_PUSH_AUDIENCE": PUBLIC_URL,
        "GMAIL_CERTS_URL": certs_url,
    }


def sign_requests(name: str, path: str, directory: Path) -> Iterator[bytes]:
    """Requests to `path`, for ever, as the vendor would send them to its webhook."""
    build: dict[str, Callable[[str, Path], Iterator[bytes]]] = {
        "twilio": _sign_twilio,
        "meta": _sign_meta,
        "gmail": _sign_push,
    }
    return build[name](path, directory)


def _sign_twilio(path: str, _directory: Path) -> Iterator[bytes]:
    validator = RequestValidator(_TOKEN)
    url = f"{PUBLIC_URL}/webhooks/{ADDRESSES['twilio']}"
    for number in count():
        form = {
            "MessageSid": f"SM{uuid4().hex}",
            "From": f"whatsapp:+4917{number % 10_000:08d}",
            "To": f"whatsapp:{_TWILIO_NUMBER}",
            "WaId": f"4917{number % 10_000:08d}",
            "ProfileName": "Robin",
            "Body": f"How do I export my data? ({number})",
            "NumMedia": "0",
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": validator.compute_signature(url, form),
        }
        yield build_request(path, urlencode(form).encode(), headers)


def _sign_meta(path: str, _directory: Path) -> Iterator[bytes]:
    for number in count():
        message = {
            "from": f"4917{number % 10_000:08d}",
            "id": f"wamid.{uuid4().hex}",
            "timestamp": "1795255200",
            "type": "text",
            "text": {"body": f"How do I export my data? ({number})"},
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "493012345678", "phone_number_id": _META_NUMBER},
            "contacts": [{"profile": {"name": "Robin"}, "wa_id": message["from"]}],
            "messages": [message],
        }
        change = {"field": "messages", "value": value}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()
        signature = hmac.new(_APP_SECRET.encode(), body, sha256).hexdigest()
        yield build_request(
            path, body, {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        )


def _sign_push(path: str, directory: Path) -> Iterator[bytes]:
    """One token for all of them: Pub/Sub uses one for up to an hour."""
    key = (directory / _KEY_FILE).read_text()
    signer = crypt.RSASigner.from_string(key, _KEY_ID)  # type: ignore[no-untyped-call]
    now = datetime.now(UTC)
    claims = {
        "iss": "https://accounts.google.com",
        "aud": PUBLIC_URL,
        "email": _PUSHER,
        "email_verified": True,
        "sub": "1",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    }
    token = jwt.encode(signer, claims).decode()  # type: ignore[no-untyped-call]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    for number in count(1):
        data = json.dumps({"emailAddress": _MAILBOX, "historyId": number}).encode()
        push = {"message": {"data": base64.b64encode(data).decode(), "messageId": str(number)}, "subscription": "s"}
        yield build_request(path, json.dumps(push).encode(), headers)


def serve_certificates(directory: Path) -> ThreadingHTTPServer:
    """A key of our own in `directory`, and its certificate where the API will look for Google's; shut it down."""
    key, certificate = make_signing_pair("benchmark")
    (directory / _KEY_FILE).write_text(key)
    answer = json.dumps({_KEY_ID: certificate}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "public, max-age=3600")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server

"""How many mails a second one process reads: a thousand that differ in everything mail differs in."""

import email
import time
from collections.abc import Callable
from email import policy

from rich.progress import Progress

from benchmarks.desk import Site
from benchmarks.letters import make_mails
from benchmarks.results import Row
from benchmarks.scale import Scale
from channels.mail.account import MailAccount
from channels.mail.parse import parse_mail
from database.types import Source

MAILS = 1_000
_ACCOUNT = MailAccount(channel="gmail", address="support@example.com", name="Support", authenticator="mx.example.com")


def measure_mail(_site: Site, scale: Scale, progress: Progress) -> list[Row]:
    """Ours beside the standard library's parser on the same mails, which finds parts and headers and no more."""
    mails = make_mails(MAILS, seed=1)
    rounds = max(1, scale.rounds // 2)
    task = progress.add_task("Mail", total=rounds)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(_time(_read, mails))
        bare.append(_time(_parse_bare, mails))
        progress.advance(task)
    params = {"mails": MAILS, "best of": rounds, "KiB": round(sum(map(len, mails)) / 1024)}
    rate, bare_rate = MAILS / min(ours), MAILS / min(bare)
    return [
        Row("mail_parse_rate", rate, "mails/s", params),
        Row("mail_parse_of_stdlib", rate / bare_rate, "", {"stdlib mails/s": round(bare_rate)}),
    ]


def _time(read: Callable[[bytes], object], mails: list[bytes]) -> float:
    started = time.perf_counter()
    for mail in mails:
        read(mail)
    return time.perf_counter() - started


def _read(mail: bytes) -> object:
    return parse_mail(Source("gmail", "support@example.com", "1", mail, {}), _ACCOUNT)


def _parse_bare(mail: bytes) -> object:
    parsed = email.message_from_bytes(mail, policy=policy.default)
    return [part.get_content_type() for part in parsed.walk()]

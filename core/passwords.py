"""Passwords: hashed with bcrypt, which is slow on purpose, and refused where they could be guessed."""

import asyncio
import re
import unicodedata
from base64 import b64encode
from hashlib import sha256

import bcrypt

MIN_CHARACTERS = 12
MAX_CHARACTERS = 1_000
COST = 12  # 2¹² rounds: a quarter of a second for each guess
MAX_AT_ONCE = 4  # each keeps a core busy; the web process has other work
MAX_WAITING = 100

_FEWEST_LETTERS = 5  # different ones, beside what everybody would guess
_COMMON = re.compile(
    "password|passwort|passwd|secret|geheim|welcome|willkommen|letmein|iloveyou|changeme|default|dragon|monkey|football|"
    "master|admin|root|login|user|guest|test|hello|sunshine|princess|summer|winter|support|nightdesk|company"
)
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
_RUN_LENGTH = 3
_LOOKALIKES = str.maketrans("013457@$!", "oleastasi")


class WeakPassword(ValueError):
    """A password that is too easy to guess; the message says why."""


class TooBusy(Exception):
    """More people try to sign in than passwords can be compared."""


class Passwords:
    """Hashes and compares passwords in threads, a few at once. `cost` is bcrypt's; tests take the lowest."""

    def __init__(self, cost: int = COST) -> None:
        self._cost = cost
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0
        self._nobodys = f"$2b${cost:02}${'.' * 53}"  # no password has this sum, and finding out takes as long as ever

    async def hash(self, password: str) -> str:
        """The hash to store."""
        async with self._slots:
            return await asyncio.to_thread(hash_password, password, cost=self._cost)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether this is the password. Raises TooBusy.

        Where there is no account, pass None: it takes as long as a wrong password, so that time reveals nothing.
        """
        if self._waiting >= MAX_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            async with self._slots:
                is_equal = await asyncio.to_thread(_compare, password, password_hash or self._nobodys)
        finally:
            self._waiting -= 1
        return is_equal and password_hash is not None


def hash_password(password: str, *, cost: int = COST) -> str:
    """The bcrypt hash of a password of any length."""
    return bcrypt.hashpw(_condense(password), bcrypt.gensalt(cost)).decode()


def require_strong(password: str, email: str) -> None:
    """Raise WeakPassword for one that is short, that holds the address, or that everybody would try."""
    if len(password) < MIN_CHARACTERS:
        raise WeakPassword(f"use at least {MIN_CHARACTERS} characters; a few words in a row are easy to remember")
    plain = password.casefold()
    if email.casefold() in plain or plain in email.casefold():
        raise WeakPassword("the password must not be the e-mail address")
    if len(set(_drop_obvious(plain))) < _FEWEST_LETTERS:
        raise WeakPassword("this is one of the first that anybody would try; add words that nobody expects")


def _drop_obvious(plain: str) -> str:
    """What is left of a password without common words and runs of the keyboard, the alphabet and the digits."""
    kept = "".join(character for position, character in enumerate(plain) if not _is_in_run(plain, position))
    return _COMMON.sub("", _COMMON.sub("", kept).translate(_LOOKALIKES))


def _is_in_run(plain: str, position: int) -> bool:
    """Whether a character stands in a piece of three that runs forwards or backwards, such as 345 or rew."""
    starts = range(max(0, position - _RUN_LENGTH + 1), position + 1)
    pieces = (plain[start : start + _RUN_LENGTH] for start in starts)
    return any(len(p) == _RUN_LENGTH and (p in run or p[::-1] in run) for p in pieces for run in _RUNS)


def _compare(password: str, password_hash: str) -> bool:
    return bcrypt.checkpw(_condense(password), password_hash.encode())


def _condense(password: str) -> bytes:
    """44 characters of any password: bcrypt reads no more than 72 bytes and stops at a NUL.

    With a prefix of our own, or a stolen list of plain SHA-256 sums could be tried without knowing the passwords.
    """
    text = unicodedata.normalize("NFKC", password)
    return b64encode(sha256(f"nightdesk password:{text}".encode()).digest())

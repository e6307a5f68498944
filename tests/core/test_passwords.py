"""Passwords: any text makes a hash of its own, what everybody would try is refused, and nobody's takes as long."""

import asyncio
from collections.abc import Callable
from threading import Event

import bcrypt
import pytest

from core import passwords
from core.passwords import Passwords, TooBusy, WeakPassword, hash_password, require_strong

COST = 4
EMAIL = "ada.byron@example.com"
LONG = "a" * 72


async def test_the_same_password_matches_and_another_does_not() -> None:
    stored = hash_password("seven otters at breakfast", cost=COST)
    assert await Passwords(COST).matches("seven otters at breakfast", stored)
    assert not await Passwords(COST).matches("seven otters at breakfasT", stored)


@pytest.mark.parametrize(
    ("one", "other"),
    [(f"{LONG}b", f"{LONG}c"), ("before\0after", "before\0elsewhere"), ("", " "), ("pass word", "password")],
    ids=["beyond 72 bytes", "behind a NUL", "empty", "spaces"],
)
async def test_every_character_counts(one: str, other: str) -> None:
    assert not await Passwords(COST).matches(other, hash_password(one, cost=COST))


async def test_two_spellings_of_the_same_letter_are_one_password() -> None:
    stored = hash_password("caf\N{LATIN SMALL LETTER E WITH ACUTE} at seven", cost=COST)
    assert await Passwords(COST).matches("cafe\N{COMBINING ACUTE ACCENT} at seven", stored)


async def test_nobodys_password_is_compared_at_the_same_cost_and_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[int] = []
    compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def note(password: bytes, hashed: bytes) -> bool:
        costs.append(int(hashed.split(b"$")[2]))
        return compare(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    kept = Passwords(COST)
    assert not await kept.matches("anything", None)
    assert not await kept.matches("anything", await kept.hash("something"))
    assert costs == [COST, COST]


async def test_who_comes_when_too_many_wait_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    may_go = Event()
    monkeypatch.setattr(passwords, "_compare", lambda *_: may_go.wait(60))
    kept = Passwords(COST)
    waiting = [asyncio.ensure_future(kept.matches("a", "b")) for _ in range(passwords.MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooBusy):
        await kept.matches("a", "b")
    may_go.set()
    assert all(await asyncio.gather(*waiting))
    assert await kept.matches("a", "b")


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short-1-X",
        "password1234",
        "P@ssw0rd!2026",
        "passwordpassword",
        "Welcome123456",
        "123456789012",
        "qwertyuiopasdf",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "098765432109876",
        "Nightdesk2026!",
        EMAIL,
        f"{EMAIL.upper()}!!",
    ],
)
def test_what_would_be_guessed_is_refused_with_the_reason(weak: str) -> None:
    with pytest.raises(WeakPassword, match=r"\w+ \w+"):
        require_strong(weak, EMAIL)


@pytest.mark.parametrize(
    "strong",
    [
        "seven otters at breakfast",
        "correct-horse-battery",
        "x7#Kp2!mQ9vL",
        "мой дядя самых честных",
        "password of the seven otters",
        "一二三四五六七八九十甲乙",
    ],
)
def test_what_nobody_expects_is_taken(strong: str) -> None:
    require_strong(strong, EMAIL)

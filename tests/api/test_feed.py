"""The feed wakes followers of one ticket, and lets in no more of them than allowed."""

import pytest

from api.feed import TicketFeed, TooManyStreams


def test_an_announcement_wakes_every_follower_of_that_ticket_alone() -> None:
    feed = TicketFeed(10)
    with feed.follow("A") as one, feed.follow("A") as other, feed.follow("B") as stranger:
        feed.announce("A")
        assert one.is_set()
        assert other.is_set()
        assert not stranger.is_set()


def test_an_announcement_that_nobody_follows_is_forgotten() -> None:
    feed = TicketFeed(10)
    feed.announce("A")
    with feed.follow("A") as changed:
        assert not changed.is_set()


def test_after_missed_notifications_everybody_looks_again() -> None:
    feed = TicketFeed(10)
    with feed.follow("A") as one, feed.follow("B") as other:
        feed.announce_all()
        assert one.is_set()
        assert other.is_set()


def test_the_follower_over_the_limit_is_refused_whatever_the_ticket() -> None:
    feed = TicketFeed(2)
    with feed.follow("A"), feed.follow("B"):
        for ref in ("A", "C"):
            with pytest.raises(TooManyStreams), feed.follow(ref):
                pass


def test_a_follower_that_fails_leaves_its_place() -> None:
    feed = TicketFeed(1)
    for _ in range(3):
        with pytest.raises(KeyError), feed.follow("A"):
            raise KeyError
    with feed.follow("A") as changed:
        feed.announce("A")
        assert changed.is_set()


def test_whoever_follows_all_tickets_is_woken_by_each() -> None:
    feed = TicketFeed(10)
    with feed.follow(None) as everything, feed.follow("B") as other:
        feed.announce("A")
        assert everything.is_set()
        assert not other.is_set()
        everything.clear()
        feed.announce_all()
        assert everything.is_set()

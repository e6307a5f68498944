"""A reply says only what its sources say."""

import pytest

from agent.decision.grounding import find_unsupported

SOURCE = (
    "Open app.harborline.example and choose Billing. Refunds take 5 to 10 business days. "
    "Write to help@harborline.example."
)


@pytest.mark.parametrize(
    "reply",
    [
        SOURCE,
        "1. Open app.harborline.example\n2. Choose Billing. [1]",
        "Refunds take 5 to 10 business days. [2]",
        "Write to help@harborline.example.",
    ],
)
def test_what_the_sources_say_passes(reply: str) -> None:
    assert find_unsupported(reply, [SOURCE]) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Refunds take 3 business days. [1]", "number"),
        ("Open https://evil.example/login and choose Billing.", "link"),
        ("Open evil.example and choose Billing.", "link"),
        ("Write to refunds@harborline.example.", "link"),
        ("Certainly, our wonderful engineers already repaired everything overnight.", "sentences"),
    ],
)
def test_what_they_do_not_say_is_named(reply: str, expected: str) -> None:
    unsupported = find_unsupported(reply, [SOURCE])
    assert unsupported is not None
    assert expected in unsupported

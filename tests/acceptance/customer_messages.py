"""Real customer messages, drawn with a fixed seed from public data sets that are not part of this repository."""

import csv
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What a label of a data set means for us: messages under it are disputes, incidents or deletions, and the teams that
# may get them. A payment somebody does not know is a dispute, and an incident as well where the message speaks of a
# stolen or copied card; the security team then comes first. Labels that mix such messages with plain questions are
# left out: nobody could say what is right.
_BILLING, _SECURITY, _ACCOUNT = frozenset({"billing"}), frozenset({"security"}), frozenset({"account"})
MUST_ESCALATE = {
    "Refund_not_showing_up": _BILLING,
    "extra_charge_on_statement": _BILLING,
    "get_refund": _BILLING,
    "transaction_charged_twice": _BILLING,
    "card_payment_not_recognised": _BILLING | _SECURITY,
    "cash_withdrawal_not_recognised": _BILLING | _SECURITY,
    "direct_debit_payment_not_recognised": _BILLING | _SECURITY,
    "compromised_card": _SECURITY,
    "lost_or_stolen_card": _SECURITY,
    "lost_or_stolen_phone": _SECURITY,
    "report_fraud": _BILLING | _SECURITY,
    "report_lost_card": _SECURITY,
    "delete_account": _ACCOUNT,
    "terminate_account": _ACCOUNT,
}
# Some messages under this label say nothing of a loss, so nobody who reads them could know.
MUST_MENTION = {"lost_or_stolen_phone": re.compile(r"los[te]|losing|stole|theft|missing|find|left", re.IGNORECASE)}
# No public set has legal threats, so these are ours.
LEGAL_THREATS = (
    "My solicitor will be in touch if this is not fixed by Friday.",
    "I am going to take you to court over this contract.",
    "I will report you to the data protection authority for a breach of the GDPR.",
    "Expect a letter from my attorney, you are in breach of contract.",
    "I'm filing a complaint with the consumer protection agency and suing for damages.",
)
_LEGAL = frozenset({"legal"})
TOTAL = 200


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """A message and, where its label demands it, the routes of which it must take one."""

    text: str
    label: str
    must_routes: frozenset[str]


def draw_messages(folder: Path, *, seed: int, total: int = TOTAL) -> list[CustomerMessage]:
    """`total` messages: the legal threats, a third from mandatory labels, the rest in equal parts from each set."""
    chance = random.Random(seed)
    sets = [sorted(set(read(folder))) for read in (_read_banking77, _read_bitext, _read_clinc, _read_faq)]
    mandatory = [item for items in sets for item in items if _is_mandatory(*item)]
    drawn = [(text, "legal_threat") for text in LEGAL_THREATS]
    drawn += chance.sample(mandatory, total // 3)
    for number, items in enumerate(sets):
        others = [item for item in items if item[1] not in MUST_ESCALATE]
        drawn += chance.sample(others, (total - len(drawn)) // (len(sets) - number))
    chance.shuffle(drawn)
    return [
        CustomerMessage(text, label, _LEGAL if label == "legal_threat" else MUST_ESCALATE.get(label, frozenset()))
        for text, label in drawn
    ]


def _is_mandatory(text: str, label: str) -> bool:
    return label in MUST_ESCALATE and (label not in MUST_MENTION or MUST_MENTION[label].search(text) is not None)


def _read_banking77(folder: Path) -> Iterator[tuple[str, str]]:
    with (folder / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        yield from ((row["text"], row["category"]) for row in csv.DictReader(file))


def _read_bitext(folder: Path) -> Iterator[tuple[str, str]]:
    with (folder / "bitext" / "customer_support.csv").open(encoding="utf-8", newline="") as file:
        yield from ((row["instruction"], row["intent"]) for row in csv.DictReader(file))


def _read_clinc(folder: Path) -> Iterator[tuple[str, str]]:
    data = json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    for part in ("train", "oos_train"):
        yield from ((text, label) for text, label in data[part])


def _read_faq(folder: Path) -> Iterator[tuple[str, str]]:
    data = json.loads((folder / "stackfaq" / "faq.json").read_text(encoding="utf-8"))
    for pair in data["root"]["qapair"]:
        yield from ((text, "faq") for text in pair["rephr"] if text and len(text) > 10)

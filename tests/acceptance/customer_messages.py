"""Real customer messages, drawn with a fixed seed from public data sets that are not part of this repository."""

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What a label of a data set means for us: messages under it are disputes, incidents or deletions, and the team that
# must get them. Labels that mix such messages with plain questions are left out: nobody could say what is right.
MUST_ESCALATE = {
    "Refund_not_showing_up": "billing",
    "card_payment_not_recognised": "billing",
    "cash_withdrawal_not_recognised": "billing",
    "direct_debit_payment_not_recognised": "billing",
    "extra_charge_on_statement": "billing",
    "get_refund": "billing",
    "transaction_charged_twice": "billing",
    "compromised_card": "security",
    "lost_or_stolen_card": "security",
    "lost_or_stolen_phone": "security",
    "report_fraud": "security",
    "report_lost_card": "security",
    "delete_account": "account",
    "terminate_account": "account",
}
# No public set has legal threats, so these are ours.
LEGAL_THREATS = (
    "My solicitor will be in touch if this is not fixed by Friday.",
    "I am going to take you to court over this contract.",
    "I will report you to the data protection authority for a breach of the GDPR.",
    "Expect a letter from my attorney, you are in breach of contract.",
    "I'm filing a complaint with the consumer protection agency and suing for damages.",
)
TOTAL = 200


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """A message and, where its label demands one, the route it must take."""

    text: str
    label: str
    must_route: str | None


def draw_messages(folder: Path, *, seed: int, total: int = TOTAL) -> list[CustomerMessage]:
    """`total` messages: the legal threats, a third from mandatory labels, the rest from everything else."""
    everything = sorted({*_read_banking77(folder), *_read_bitext(folder), *_read_clinc(folder), *_read_faq(folder)})
    chance = random.Random(seed)
    mandatory = [item for item in everything if item[1] in MUST_ESCALATE]
    others = [item for item in everything if item[1] not in MUST_ESCALATE]
    drawn = [(text, "legal_threat") for text in LEGAL_THREATS]
    drawn += chance.sample(mandatory, total // 3)
    drawn += chance.sample(others, total - len(drawn))
    chance.shuffle(drawn)
    return [
        CustomerMessage(text, label, "legal" if label == "legal_threat" else MUST_ESCALATE.get(label))
        for text, label in drawn
    ]


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

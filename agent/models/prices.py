"""What a model costs. Data with its source and date in prices.yaml; the cost of an unlisted model is unknown, not 0."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter

_FILE = Path(__file__).with_name("prices.yaml")
_SNAPSHOT_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_TABLE = TypeAdapter(dict[str, tuple[Decimal, Decimal, Decimal]])
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: Decimal
    cached: Decimal
    output: Decimal

    def multiply(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> Decimal:
        """The cost in US dollars. `cached_tokens` are a part of `input_tokens`."""
        fresh = max(0, input_tokens - cached_tokens)
        return (fresh * self.input + cached_tokens * self.cached + output_tokens * self.output) / _MILLION


@cache
def read_prices() -> dict[str, Price]:
    """The table, by the name of the model."""
    rows = _TABLE.validate_python(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
    return {model: Price(*row) for model, row in rows.items()}


def find_price(model: str) -> Price | None:
    """The price of a model or of its dated snapshot, or None where it is not known."""
    prices = read_prices()
    return prices.get(model) or prices.get(_SNAPSHOT_DATE.sub("", model))

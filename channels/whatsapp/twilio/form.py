"""The forms that Twilio posts."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

FORM_TYPE = "application/x-www-form-urlencoded"


class Form(Mapping[str, str]):
    """The fields of a form. A name may come several times: the first counts, and `getall` has every one.

    `getall` is what Twilio's RequestValidator asks of whatever keeps repeated fields.
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        """The first value of a field."""
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        """The names, each once."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._values)

    def getall(self, name: str) -> list[str]:
        """Every value of a field, as they came."""
        return self._values[name]


def read_form(body: bytes) -> Form:
    """The fields of a body, blank ones included: they are signed too. Bytes that are not UTF-8 become U+FFFD."""
    return Form(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"))

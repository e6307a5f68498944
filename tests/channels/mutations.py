"""What the world does to well-formed payloads: bytes and JSON that were right once, with a few things gone wrong."""

import copy
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

JSON_ODDITIES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    1e308,
    "",
    "\x00",
    "\ud800",
    "9" * 400,
    "x" * 3000,
    [],
    {},
    [[]],
    [None],
    {"": None},
)
BYTE_ODDITIES = (
    b"",
    b"\x00",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\xff\xfe",
    b"\x80",
    b'"',
    b"<",
    b">",
    b"=?",
    b"%00",
)


def mutated_bytes(samples: Sequence[bytes]) -> SearchStrategy[bytes]:
    """A sample with up to six accidents: pieces dropped, repeated, swapped, overwritten, joined from another sample."""
    return _mutate_bytes(tuple(samples))


def mutated_json(samples: Sequence[object]) -> SearchStrategy[object]:
    """A sample, as `json.loads` gives it, with up to four values dropped, repeated, swapped, nested or retyped.

    The samples themselves are never changed.
    """
    return _mutate_json(tuple(samples))


@st.composite
def _mutate_bytes(draw: DrawFn, samples: tuple[bytes, ...]) -> bytes:
    body = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 6))):
        # Lines are what mail and forms are made of; whole ones must move as often as single bytes break.
        by_line = draw(st.booleans())
        pieces = body.splitlines(keepends=True) if by_line else [body[i : i + 1] for i in range(len(body))]
        if not pieces:
            return body
        accident = draw(st.sampled_from(_BYTE_ACCIDENTS))
        body = b"".join(accident(draw, pieces, samples))
    return body


def _draw_span(draw: DrawFn, length: int) -> tuple[int, int]:
    start = draw(st.integers(0, length - 1))
    return start, min(length, start + draw(st.integers(1, 12)))


def _drop(draw: DrawFn, pieces: list[bytes], _samples: tuple[bytes, ...]) -> list[bytes]:
    start, stop = _draw_span(draw, len(pieces))
    return pieces[:start] + pieces[stop:]


def _repeat(draw: DrawFn, pieces: list[bytes], _samples: tuple[bytes, ...]) -> list[bytes]:
    start, stop = _draw_span(draw, len(pieces))
    return pieces[:stop] + pieces[start:stop] * draw(st.integers(1, 20)) + pieces[stop:]


def _swap(draw: DrawFn, pieces: list[bytes], _samples: tuple[bytes, ...]) -> list[bytes]:
    one, other = draw(st.integers(0, len(pieces) - 1)), draw(st.integers(0, len(pieces) - 1))
    swapped = list(pieces)
    swapped[one], swapped[other] = pieces[other], pieces[one]
    return swapped


def _overwrite(draw: DrawFn, pieces: list[bytes], _samples: tuple[bytes, ...]) -> list[bytes]:
    start, stop = _draw_span(draw, len(pieces))
    return [*pieces[:start], draw(st.sampled_from(BYTE_ODDITIES) | st.binary(max_size=8)), *pieces[stop:]]


def _cut_off(draw: DrawFn, pieces: list[bytes], _samples: tuple[bytes, ...]) -> list[bytes]:
    return pieces[: draw(st.integers(0, len(pieces)))]


def _graft(draw: DrawFn, pieces: list[bytes], samples: tuple[bytes, ...]) -> list[bytes]:
    other = draw(st.sampled_from(samples))
    start = draw(st.integers(0, len(other)))
    place = draw(st.integers(0, len(pieces)))
    return [*pieces[:place], other[start : start + draw(st.integers(0, 400))], *pieces[place:]]


_BYTE_ACCIDENTS: tuple[Callable[[DrawFn, list[bytes], tuple[bytes, ...]], list[bytes]], ...] = (
    _drop,
    _repeat,
    _swap,
    _overwrite,
    _cut_off,
    _graft,
)

_Container = dict[str, object] | list[object]
_Place = tuple[_Container, str | int]


@st.composite
def _mutate_json(draw: DrawFn, samples: tuple[object, ...]) -> object:
    value = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 4))):
        places = _list_places(value)
        if not places or draw(st.integers(0, 30)) == 0:
            return draw(st.sampled_from(JSON_ODDITIES))
        accident = draw(st.sampled_from(_JSON_ACCIDENTS))
        accident(draw, draw(st.sampled_from(places)), places)
    return value


def _list_places(value: object) -> list[_Place]:
    places: list[_Place] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        if isinstance(container, dict):
            places += [(container, key) for key in container]
            waiting += container.values()
        elif isinstance(container, list):
            places += [(container, index) for index in range(len(container))]
            waiting += container
    return places


def _read(place: _Place) -> object:
    container, key = place
    return container[key]  # type: ignore[index]  # the key was found in this very container


def _write(place: _Place, value: object) -> None:
    container, key = place
    container[key] = value  # type: ignore[index]  # as above


def _drop_value(_draw: DrawFn, place: _Place, _places: list[_Place]) -> None:
    container, key = place
    del container[key]  # type: ignore[arg-type]  # as above


def _repeat_value(draw: DrawFn, place: _Place, _places: list[_Place]) -> None:
    container, key = place
    if isinstance(container, list) and isinstance(key, int):
        container[key:key] = [copy.deepcopy(container[key]) for _ in range(draw(st.integers(1, 5)))]
    else:
        _write(place, [_read(place), copy.deepcopy(_read(place))])


def _swap_values(draw: DrawFn, place: _Place, places: list[_Place]) -> None:
    # Copies, because a value that is put inside itself would make a circle.
    other = draw(st.sampled_from(places))
    one_value, other_value = copy.deepcopy(_read(place)), copy.deepcopy(_read(other))
    _write(other, one_value)
    _write(place, other_value)


def _nest_value(draw: DrawFn, place: _Place, _places: list[_Place]) -> None:
    value = _read(place)
    for _ in range(draw(st.integers(1, 3))):
        value = {"value": value} if draw(st.booleans()) else [value]
    _write(place, value)


def _retype_value(draw: DrawFn, place: _Place, _places: list[_Place]) -> None:
    value = _read(place)
    retyped: list[object] = [str(value), [value], *JSON_ODDITIES]
    _write(place, copy.deepcopy(draw(st.sampled_from(retyped) | st.integers() | st.text(max_size=20))))


def _rename_key(draw: DrawFn, place: _Place, _places: list[_Place]) -> None:
    container, key = place
    if isinstance(container, dict) and isinstance(key, str):
        container[draw(st.sampled_from(["", key.upper(), f"{key}s", "_" + key]))] = container.pop(key)


_JSON_ACCIDENTS: tuple[Callable[[DrawFn, _Place, list[_Place]], None], ...] = (
    _drop_value,
    _repeat_value,
    _swap_values,
    _nest_value,
    _retype_value,
    _rename_key,
)

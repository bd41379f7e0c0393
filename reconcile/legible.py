"""What can be read in a record that was set aside: its values with the fields in which they stand, words, dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from reconcile.words import fold

_WORD: Final = re.compile(r"[\w-]+")
_NAME: Final = re.compile(r"[а-яё][а-яё-]+")
_PAIR: Final = re.compile(r'"(\w+)"\s*:\s*(?:"([^"\\]+)"|(-?\d+))')
_NAMING: Final = ("name", "patronym", "fio", "pupil", "student", "person", "фамил", "имя", "отчеств", "фио", "учени")
"""Parts of the names of fields in which names of people stand."""
_DAY: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)\.(\d\d?)\.(\d{4})")


class Entry(NamedTuple):
    """An open entry of the quarantine; `body` is its raw form."""

    entity: str
    key: str | None
    body: str


class Value(NamedTuple):
    """A value with the name of its field, below that of the object it stands in (`pupil.id`); empty: not known."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Legible:
    """What can be read in an entry.

    `words` are all values and their words, as they stand and folded; `names` those that may be somebody's; `days` the dates;
    `whole` is false where the raw form breaks off, or cannot be taken apart.
    """

    values: tuple[Value, ...]
    words: frozenset[str]
    names: frozenset[str]
    days: frozenset[str]
    whole: bool


def read_entry(entry: Entry) -> Legible:
    """Reads an entry, whatever form it has."""
    values, whole = _values(entry.body)
    if entry.key is not None and ":" in entry.key:  # made of other keys (canonical.md)
        values += [Value("", part) for part in entry.key.split(":")]
    words = frozenset(word for value in values for word in _words(value.text))
    naming = [v.text for v in values if not v.where or any(part in v.where for part in _NAMING)]
    names = frozenset(fold(name) for text in naming for name in _NAME.findall(text.casefold()))
    return Legible(tuple(values), words, names, frozenset(_days(entry.body)), whole)


def _values(body: str) -> tuple[list[Value], bool]:
    """The values of a JSON text, also of the one that stands within it (a line of a file); of broken text its pairs."""
    try:
        found = list(_within("", msgspec.json.decode(body)))
    except msgspec.DecodeError:
        pairs = [Value(name.casefold(), text or number) for name, text, number in _PAIR.findall(body)]
        return [Value("", body), *pairs], False
    inner = [_values(v.text) for v in found if v.text.startswith(("{", "["))]
    plain = [v for v in found if not v.text.startswith(("{", "["))]
    return [*plain, *(v for some, _ in inner for v in some)], all(whole for _, whole in inner)


def _within(where: str, value: Any) -> Iterator[Value]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _within(f"{where}.{name}".strip(".").casefold(), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(where, inner)
    elif isinstance(value, str):
        yield Value(where, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Value(where, str(value))


def _words(text: str) -> Iterator[str]:
    folded = fold(text)
    yield from (text, folded)
    yield from _WORD.findall(text)
    yield from _WORD.findall(folded)


def _days(text: str) -> Iterator[str]:
    for year, month, day, day2, month2, year2 in _DAY.findall(text):
        y, m, d = (year, month, day) if year else (year2, month2, day2)
        yield f"{y}-{m:0>2}-{d:0>2}"

"""What lies in the quarantine of a source: it was read, only not understood, so it cannot be called absent."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from canonical.view import JournalView
from reconcile.names import Name
from reconcile.words import fold

_WORD: Final = re.compile(r"[\w-]+")
_LETTERS: Final = re.compile(r"[а-я][а-я-]*")
_CYRILLIC: Final = re.compile(r"[а-я]")
_DAY: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)\.(\d\d?)\.(\d{4})")


class Entry(NamedTuple):
    """An open entry of the quarantine; `body` is its raw form."""

    entity: str
    key: str | None
    body: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What can be read in an entry all the same.

    `words` are all values and their words, as they stand and folded; `named` the keys of the source among them, by what
    they are keys of; `days` the dates.
    """

    words: frozenset[str]
    named: Mapping[str, frozenset[str]]
    days: frozenset[str]


_SLOTS: Final[Mapping[str, Mapping[str, Callable[[JournalView], Iterable[Mapping[str, Any]]]]]] = MappingProxyType(
    {
        "enrolments": {"people": lambda v: [v.people], "groups": lambda v: [v.groups]},
        "courses": {"groups": lambda v: [v.groups], "subjects": lambda v: [v.subjects]},
        "lessons": {"courses": lambda v: [v.courses]},
        "marks": {"people": lambda v: [v.people], "lessons": lambda v: [v.lessons, v.works]},
        "attendance": {"people": lambda v: [v.people], "lessons": lambda v: [v.lessons]},
        "period_marks": {"people": lambda v: [v.people], "courses": lambda v: [v.courses]},
    }
)
"""By entity: what its records point at, each with the records that may be named there."""


class Aside:
    """The quarantine of one source, held against the journal that the source has."""

    def __init__(self, entries: Iterable[Entry] = (), view: JournalView | None = None) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._read: dict[str, list[_Read]] = defaultdict(list)
        self._by_key: dict[tuple[str, str, str], list[_Read]] = defaultdict(list)
        self._unnamed: dict[tuple[str, str], list[_Read]] = defaultdict(list)
        self.unreadable: Counter[str] = Counter()
        """By entity: entries in which nothing tells what they are about."""
        for entry in entries:
            if entry.key is not None:
                self._keys.add((entry.entity, entry.key))
            self._take(entry, view)

    def _take(self, entry: Entry, view: JournalView | None) -> None:
        words = frozenset(_words(entry))
        slots = _SLOTS.get(entry.entity, {}) if view else {}
        named = {
            slot: frozenset(w for w in words if any(w in records for records in known(view)))
            for slot, known in slots.items()
            if view
        }
        read = _Read(words, named, frozenset(_days(entry.body)))
        self._read[entry.entity].append(read)
        if not (any(named.values()) if named else any(_CYRILLIC.search(w) for w in words)):
            self.unreadable[entry.entity] += 1
            return
        for slot, keys in named.items():
            for key in keys:
                self._by_key[entry.entity, slot, key].append(read)
            if not keys:
                self._unnamed[entry.entity, slot].append(read)

    def holds(self, entity: str, key: str | None) -> bool:
        """Whether a record of this key was set aside: what belongs to it may not have been read."""
        return key is not None and (entity, key) in self._keys

    def may_be(self, entity: str, wanted: Mapping[str, Collection[str]], day: str | None = None) -> bool:
        """Whether a record that would point at these keys may have been set aside.

        `wanted` is what it would point at, with the keys that this source has for it. What an entry does not tell, or
        tells in a way that is not understood, may be anything; `day` (`YYYY-MM-DD`) is the day of the record.
        """
        if not wanted or not self._read.get(entity):
            return False
        slot, keys = next(iter(wanted.items()))
        candidates = [*self._unnamed.get((entity, slot), ())]
        for key in keys:
            candidates += self._by_key.get((entity, slot, key), ())
        return any(
            all(not read.named[s] or not read.named[s].isdisjoint(some) for s, some in wanted.items())
            and (day is None or not read.days or day in read.days)
            for read in candidates
        )

    def may_be_named(self, entity: str, name: str | None, *days: str | None) -> bool:
        """Whether a record of this name, or with one of these dates, may have been set aside."""
        wanted = {fold(name)} if name else set()
        dates = {day for day in days if day}
        return any(
            not wanted.isdisjoint(read.words) or not dates.isdisjoint(read.days) for read in self._read.get(entity, ())
        )

    def may_be_person(self, name: Name) -> bool:
        """Whether somebody of this name may have been set aside: under the family name, or with no other legible name."""
        family = {name.family, *name.family.split("-")} - {""}
        rest = {name.given, name.patronymic}
        for entity in ("people", "enrolments"):
            for read in self._read.get(entity, ()):
                letters = _letters(read)
                if not family.isdisjoint(letters) or (name.given in letters and letters <= rest):
                    return True
        return False


def _letters(read: _Read) -> set[str]:
    return {w for w in read.words if _LETTERS.fullmatch(w)}


def _words(entry: Entry) -> Iterator[str]:
    """All values of an entry; of keys that were made of others (canonical.md) the parts."""
    if entry.key is not None:
        yield from (entry.key, *entry.key.split(":"))
    try:
        yield from _values(msgspec.json.decode(entry.body))
    except msgspec.DecodeError:
        yield from _text(entry.body)


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    elif isinstance(value, str):
        yield from _text(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _text(text: str) -> Iterator[str]:
    """A text, its words, and the words as they are compared; of a text that is JSON its values."""
    if text.startswith(("{", "[")):
        try:
            inner = msgspec.json.decode(text)
        except msgspec.DecodeError:
            pass
        else:
            yield from _values(inner)
            return
    yield text
    yield fold(text)
    yield from _WORD.findall(text)
    yield from _WORD.findall(fold(text))


def _days(text: str) -> Iterator[str]:
    for year, month, day, day2, month2, year2 in _DAY.findall(text):
        y, m, d = (year, month, day) if year else (year2, month2, day2)
        yield f"{y}-{m:0>2}-{d:0>2}"

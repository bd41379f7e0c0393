"""What lies in the quarantine of a source: it was read, only not understood, so it cannot be called absent."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from canonical.view import JournalView
from reconcile.legible import Entry, Legible, Value, read_entry
from reconcile.names import Name
from reconcile.words import fold

_HINTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "people": ("person", "student", "pupil", "profile"),
        "groups": ("group", "class"),
        "subjects": ("subject", "discipline"),
        "courses": ("course", "gradebook", "group"),
        "lessons": ("lesson",),
        "works": ("work", "task"),
        "others": ("teacher", "author", "employee", "period", "school", "year", "system", "form"),
    }
)
"""Parts of the names that portals give to fields, by what stands in these. A `group` may be whom a course is taught to."""
_OWN: Final = frozenset({"id", "key"})
_CALLED: Final = re.compile(r"[А-Яа-яЁё]")

_SLOTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "enrolments": {"people": ("people",), "groups": ("groups",)},
        "courses": {"groups": ("groups",), "subjects": ("subjects",)},
        "lessons": {"courses": ("courses",)},
        "marks": {"people": ("people",), "lessons": ("lessons", "works")},
        "attendance": {"people": ("people",), "lessons": ("lessons",)},
        "period_marks": {"people": ("people",), "courses": ("courses",)},
    }
)
"""By entity: what its records point at, each with the entities that may be named there."""


@dataclass(frozen=True, slots=True)
class _Read:
    """An entry, and the keys of the source that it names, by what they are keys of."""

    legible: Legible
    named: Mapping[str, frozenset[str]]


class Aside:
    """The quarantine of one source, held against the journal that the source has."""

    def __init__(self, entries: Iterable[Entry] = (), view: JournalView | None = None) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._read: dict[str, list[_Read]] = defaultdict(list)
        self._by_key: dict[tuple[str, str, str], list[_Read]] = defaultdict(list)
        self._unnamed: dict[tuple[str, str], list[_Read]] = defaultdict(list)
        self.unreadable: Counter[str] = Counter()
        """By entity: entries of which it cannot be told what they are about."""
        for entry in entries:
            if entry.key is not None:
                self._keys.add((entry.entity, entry.key))
            self._take(entry, view)

    def _take(self, entry: Entry, view: JournalView | None) -> None:
        legible = read_entry(entry)
        slots = _SLOTS.get(entry.entity, {}) if view else {}
        known = {kind: getattr(view, kind) for kinds in slots.values() for kind in kinds}
        read = _Read(legible, _named(legible.values, slots, known))
        self._read[entry.entity].append(read)
        if not (any(read.named.values()) if slots else legible.whole and _is_called(entry.entity, legible)):
            self.unreadable[entry.entity] += 1
            return
        for slot, keys in read.named.items():
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
            and (day is None or not read.legible.days or day in read.legible.days)
            for read in candidates
        )

    def may_be_named(self, entity: str, name: str | None, *days: str | None) -> bool:
        """Whether a record of this name, or with one of these dates, may have been set aside."""
        wanted = fold(name or "")
        dates = {day for day in days if day}
        return any(
            (wanted and wanted in read.legible.words) or not dates.isdisjoint(read.legible.days)
            for read in self._read.get(entity, ())
        )

    def may_be_person(self, name: Name) -> bool:
        """Whether somebody of this name may have been set aside: under the family name, or with no other legible name."""
        family = {name.family, *name.family.split("-")} - {""}
        rest = {name.given, name.patronymic}
        for entity in ("people", "enrolments"):
            for read in self._read.get(entity, ()):
                names = read.legible.names
                if not family.isdisjoint(names) or (name.given in names and names <= rest):
                    return True
        return False


def _is_called(entity: str, legible: Legible) -> bool:
    """Whether an entry tells the name of what it is about: of somebody any part of it, of other things the whole."""
    if entity == "people":
        return bool(legible.names)
    return any(_CALLED.search(v.text) for v in legible.values if "name" in v.where and "short" not in v.where)


def _named(
    values: Iterable[Value], slots: Mapping[str, Collection[str]], known: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, frozenset[str]]:
    """The keys that values name, by slot. A field tells what it holds; elsewhere a key must be one of a single slot."""
    found: dict[str, set[str]] = {slot: set() for slot in slots}
    for where, text in values:
        hinted = {kind for kind, hints in _HINTS.items() if any(hint in where for hint in hints)}
        if not hinted and where in _OWN:
            continue
        fits = {s for s, kinds in slots.items() for k in kinds if (not hinted or k in hinted) and text in known[k]}
        if len(fits) == 1 or hinted:
            for slot in fits:
                found[slot].add(text)
    return {slot: frozenset(keys) for slot, keys in found.items()}

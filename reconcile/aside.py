"""What lies in the quarantine of a source: it was read, only not understood, so it cannot be called absent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from reconcile.words import fold

_WORD: Final = re.compile(r"[\w-]+")
_STRING: Final = re.compile(r'"([^"]+)"')
_DAY: Final = re.compile(r"\b\d{4}-\d\d?-\d\d?\b|\b\d\d?\.\d\d?\.\d{4}\b")


class Entry(NamedTuple):
    """An open entry of the quarantine; `body` is its raw form."""

    entity: str
    key: str | None
    body: str


class Aside:
    """The quarantine of one source."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._words: dict[str, list[tuple[set[str], bool]]] = defaultdict(list)
        self._keys: set[str] = set()
        for entry in entries:
            words = {*_WORD.findall(fold(entry.body)), *_WORD.findall(entry.body), *_STRING.findall(entry.body)}
            if entry.key is not None:
                words.update((entry.key, *entry.key.split(":")))
                self._keys.add(entry.key)
            self._words[entry.entity].append((words, bool(_DAY.search(entry.body))))

    def names(self, entity: str, *words: str | None) -> bool:
        """Whether a record of an entity was set aside that names all of these words."""
        wanted = {w for w in words if w}
        return bool(wanted) and any(wanted <= found for found, _ in self._words.get(entity, ()))

    def names_day(self, entity: str, word: str, day: str) -> bool:
        """Whether a record of an entity was set aside that names a word and a day (`YYYY-MM-DD`), or no day at all."""
        year, month, number = day.split("-")
        days = {day, f"{number}.{month}.{year}"}
        return any(
            word in found and (not has_day or any(d in text for d in days for text in found))
            for found, has_day in self._words.get(entity, ())
        )

    def holds(self, *keys: str | None) -> bool:
        """Whether something with one of these keys was set aside: what belongs to it may not have been read."""
        return any(key in self._keys for key in keys if key is not None)

"""Which records of two sources are one thing: each such thing has a number, under which both sources have their keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from canonical.entities import Record
from canonical.view import JournalView

LEFT: Final = 0
RIGHT: Final = 1
SIDES: Final = (LEFT, RIGHT)

R = TypeVar("R", bound=Record)
Views = tuple[JournalView, JournalView]


class Match(NamedTuple):
    """A left and a right key that are one thing; the score is from 0 to 1, `how` says by what they were matched."""

    left: str
    right: str
    score: float
    how: str


class Tie:
    """The ties of one entity."""

    def __init__(self) -> None:
        self.matches: list[Match] = []
        self._ids: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._keys: list[tuple[list[str], list[str]]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def join(self, left: Sequence[str], right: Sequence[str], score: float, how: str, *, every: bool = False) -> int:
        """Ties keys that are not tied yet, and gives the number of the thing.

        Of several keys of one side the first is matched and the others repeat it; with `every` each is matched with each
        (a course of the whole year with those of its two semesters).
        """
        number = len(self._keys)
        self._keys.append((list(left), list(right)))
        for side, keys in ((LEFT, left), (RIGHT, right)):
            for key in keys:
                self._ids[side][key] = number
        pairs = [(a, b) for a in left for b in right] if every else [(left[0], right[0])]
        self.matches.extend(Match(a, b, score, how) for a, b in pairs)
        return number

    def repeat(self, side: int, key: str, of: str) -> None:
        """Ties a key that repeats one which is tied."""
        number = self._ids[side][of]
        self._ids[side][key] = number
        self._keys[number][side].append(key)

    def id(self, side: int, key: str | None) -> int | None:
        """The number of what has this key on a side; null where the other side has nothing of the kind."""
        return None if key is None else self._ids[side].get(key)

    def ids(self, side: int) -> Mapping[str, int]:
        """The numbers by the keys of a side."""
        return self._ids[side]

    def keys(self, side: int, number: int) -> list[str]:
        """The keys of a thing on one side, the matched one first."""
        return self._keys[number][side]

    def open(self, side: int, records: Iterable[R]) -> list[R]:
        """Those of the records that are not tied."""
        return [r for r in records if r.key not in self._ids[side]]


@dataclass(slots=True)
class Ties:
    """All ties of a pair of sources.

    `doubtful` holds, by side, the keys of people who may or may not be somebody there; `lumped` the numbers of courses of
    which one side has the whole class and the other its parts; `unsure` the keys of lessons that cannot be told from others
    of their day.
    """

    groups: Tie = field(default_factory=Tie)
    subjects: Tie = field(default_factory=Tie)
    periods: Tie = field(default_factory=Tie)
    people: Tie = field(default_factory=Tie)
    courses: Tie = field(default_factory=Tie)
    lessons: Tie = field(default_factory=Tie)
    doubtful: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    lumped: set[int] = field(default_factory=set)
    unsure: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))


def keys_by(records: Iterable[R], key: Callable[[R], Hashable | None]) -> dict[Hashable, list[str]]:
    """The records' keys, in order, by something that may be null (then left out)."""
    found: dict[Hashable, list[str]] = defaultdict(list)
    for record in records:
        if (k := key(record)) is not None:
            found[k].append(record.key)
    return {k: sorted(keys) for k, keys in found.items()}


def join_same(
    tie: Tie,
    sides: tuple[Mapping[str, R], Mapping[str, R]],
    key: Callable[[R], Hashable | None],
    score: float,
    how: str,
    *,
    unique: bool = False,
) -> None:
    """Ties what is open on both sides and has the same key; with `unique` only where nobody else has it."""
    left, right = (keys_by(tie.open(side, sides[side].values()), key) for side in SIDES)
    for k, lefts in left.items():
        rights = right.get(k, [])
        if rights and not (unique and len(lefts) + len(rights) > 2):
            tie.join(lefts, rights, score, how)


def join_single(tie: Tie, pairs: Iterable[tuple[str, str]], score: float, how: str) -> None:
    """Ties candidates of which neither has another candidate."""
    lefts: dict[str, set[str]] = defaultdict(set)
    rights: dict[str, set[str]] = defaultdict(set)
    for left, right in pairs:
        lefts[left].add(right)
        rights[right].add(left)
    for left, found in sorted(lefts.items()):
        right = min(found)
        if len(found) == len(rights[right]) == 1:
            tie.join([left], [right], score, how)

"""Two sets of keyed rows in, their differences out.

Rows are compared as sets at the speed of the interpreter's own hashing; only units that are not the same on both sides are
looked at one by one. Nothing here knows what a row stands for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple


class Row(NamedTuple):
    """One row of one side.

    `unit` is what the row is about, in the same terms on both sides; several rows may be about one unit. `values` are in
    the order of the fields that are compared, null where nothing is said. `order` and `key` decide which rows of a unit
    face each other when they are not the same.
    """

    unit: tuple[Hashable, ...]
    key: str
    values: tuple[Hashable, ...]
    order: str = ""


class Delta(NamedTuple):
    """One difference: rows of the left and right `key` differ in the field of number `field`.

    Where a side has no row its key is null, and so is the field.
    """

    unit: tuple[Hashable, ...]
    left: str | None
    right: str | None
    field: int | None


_content = itemgetter(0, 2)
"""Unit and values of a row."""


def compare(left: Sequence[Row], right: Sequence[Row]) -> Iterator[Delta]:
    """The differences of two sets of rows, unit by unit.

    Within a unit rows of the same values cancel each other out; those that are left face each other in their order, and
    differ in the fields that both state; what then has no opposite is missing there. Null is never a difference. Left and
    right may be exchanged: the same differences come out, exchanged.
    """
    here, there = Counter(map(_content, left)), Counter(map(_content, right))
    touched = {unit for (unit, _), _ in here.items() ^ there.items()}
    if not touched:
        return
    lefts, rights = _by_unit(left, touched), _by_unit(right, touched)
    for unit in [*lefts, *(u for u in rights if u not in lefts)]:
        yield from _within(unit, lefts.get(unit, []), rights.get(unit, []))


def _by_unit(rows: Iterable[Row], units: set[tuple[Hashable, ...]]) -> dict[tuple[Hashable, ...], list[Row]]:
    found: dict[tuple[Hashable, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.unit in units:
            found[row.unit].append(row)
    return found


def _within(unit: tuple[Hashable, ...], left: list[Row], right: list[Row]) -> Iterator[Delta]:
    common = Counter(r.values for r in left) & Counter(r.values for r in right)
    here, there = _without(left, common), _without(right, common)
    for one, other in zip(here, there, strict=False):
        for number, (a, b) in enumerate(zip(one.values, other.values, strict=True)):
            if a is not None and b is not None and a != b:
                yield Delta(unit, one.key, other.key, number)
    for row in here[len(there) :]:
        yield Delta(unit, row.key, None, None)
    for row in there[len(here) :]:
        yield Delta(unit, None, row.key, None)


def _without(rows: Iterable[Row], common: Counter[tuple[Hashable, ...]]) -> list[Row]:
    """The rows in their order, less those that the other side has too: of equal ones the first."""
    left_over, spare = [], Counter(common)
    for row in sorted(rows, key=lambda r: (r.order, r.key)):
        if spare[row.values]:
            spare[row.values] -= 1
        else:
            left_over.append(row)
    return left_over

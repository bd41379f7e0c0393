"""Classes, study groups and their parts in two sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, NamedTuple

from canonical.entities import Group
from canonical.view import JournalView
from reconcile.ties import LEFT, RIGHT, SIDES, Ties, Views, join_same, join_single
from reconcile.words import fold, group_name, part_name, without_brackets

_SAME_ROSTER: Final = 0.6
_NOT_ANOTHER_ROSTER: Final = 0.5
"""Shares of common pupils: from which two parts without a common name are one, and below which a common name deceives."""


def is_part(group: Group) -> bool:
    """Whether a group is a part of a class, or drawn from several: not the one to which a pupil belongs first of all."""
    return group.kind in {"subgroup", "metagroup"} or group.parent is not None


def tie_classes(ties: Ties, views: Views) -> None:
    """Classes and study groups by academic year and name."""
    tie = ties.groups
    sides = (
        {k: g for k, g in views[LEFT].groups.items() if not is_part(g)},
        {k: g for k, g in views[RIGHT].groups.items() if not is_part(g)},
    )

    def named(group: Group) -> str | None:
        return group_name(group.name or "", group.level) or None

    def bare(group: Group) -> Hashable | None:
        name = group_name(without_brackets(group.name or ""), group.level)
        return (group.academic_year, name) if name else None

    join_same(tie, sides, lambda g: (g.academic_year, name) if (name := named(g)) else None, 1.0, "name and year")
    for side in SIDES:
        dated = {k: g for k, g in sides[side].items() if g.academic_year is not None}
        undated = {k: g for k, g in sides[1 - side].items() if g.academic_year is None}
        pair = (dated, undated) if side == LEFT else (undated, dated)
        join_same(tie, pair, named, 0.9, "name, the year not said", unique=True)
    join_same(tie, sides, bare, 0.9, "name without what stands in brackets, and year", unique=True)


class _Part(NamedTuple):
    key: str
    name: str
    subjects: frozenset[int | None]
    members: frozenset[int | None]


def tie_parts(ties: Ties, views: Views) -> None:
    """Subgroups of a class by name, metagroups of a year by name, unless their pupils are others; then by their pupils."""
    left, right = (_parts(ties, views[side], side) for side in SIDES)
    for place, lefts in left.items():
        rights = right.get(place, [])
        for keyed, how in (
            (lambda p: (p.name, p.subjects), "class, name and subject"),
            (lambda p: p.name, "class and name"),
        ):
            pairs = [
                (a.key, b.key)
                for a in _open(ties, LEFT, lefts)
                for b in _open(ties, RIGHT, rights)
                if a.name and keyed(a) == keyed(b) and _common(a, b, unknown=1.0) >= _NOT_ANOTHER_ROSTER
            ]
            join_single(ties.groups, pairs, 1.0, how)
        pairs = [
            (a.key, b.key)
            for a in _open(ties, LEFT, lefts)
            for b in _open(ties, RIGHT, rights)
            if _common(a, b, unknown=0.0) >= _SAME_ROSTER
            and (not a.subjects or not b.subjects or a.subjects & b.subjects)
        ]
        join_single(ties.groups, pairs, 0.9, "class and pupils")


def _parts(ties: Ties, view: JournalView, side: int) -> dict[Hashable, list[_Part]]:
    """The parts of each class by its number, those of no class by their year; in the order of keys."""
    found: dict[Hashable, list[_Part]] = defaultdict(list)
    for group in sorted(view.groups.values(), key=lambda g: g.key):
        if not is_part(group):
            continue
        above = view.class_of(group.key)
        own = above is None or above.key == group.key
        number = None if own or above is None else ties.groups.id(side, above.key)
        if not own and number is None:
            continue
        name = fold(group.name or "") if own else part_name(group.name or "")
        subjects = {ties.subjects.id(side, c.subject) for c in view.courses_of_group.get(group.key, ())}
        members = {ties.people.id(side, e.person) for e in view.enrolments_of_group.get(group.key, ())}
        place = ("year", group.academic_year) if own else ("class", number)
        found[place].append(_Part(group.key, name, frozenset(subjects - {None}), frozenset(members - {None})))
    return found


def _open(ties: Ties, side: int, parts: Sequence[_Part]) -> Iterable[_Part]:
    return [p for p in parts if ties.groups.id(side, p.key) is None]


def _common(a: _Part, b: _Part, *, unknown: float) -> float:
    """The share of pupils that two parts have in common, of all that either has."""
    if not a.members or not b.members:
        return unknown
    return len(a.members & b.members) / len(a.members | b.members)

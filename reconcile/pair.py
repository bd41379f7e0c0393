"""Two sources of one institution held against each other: what is one thing in both, and where they differ."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from canonical.view import JournalView
from reconcile.aside import Aside
from reconcile.courses import tie_courses, tie_lessons
from reconcile.differences import Difference, Finder, Kind
from reconcile.groups import tie_classes, tie_parts
from reconcile.people import Pair
from reconcile.rosters import tie_people
from reconcile.subjects import tie_periods, tie_subjects
from reconcile.ties import Match, Ties, Views

TIED: Final = ("people", "groups", "subjects", "periods", "courses", "lessons")
"""The entities whose matches are told: those by which something else is matched."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What persons have said of pairs of people, by left and right key: the same person, or not."""

    confirmed: frozenset[Pair] = frozenset()
    split: frozenset[Pair] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a pair of sources: matches by entity, pairs of people in doubt, differences; each in order.

    `can_tell` says of an entity, a kind, a left and a right key whether such a difference is surely none, as it was not found.
    """

    matches: dict[str, list[Match]]
    doubtful: list[Match]
    differences: list[Difference]
    can_tell: Callable[[str, Kind, str | None, str | None], bool]


def reconcile_pair(
    left: JournalView,
    right: JournalView,
    *,
    day: date,
    decisions: Decisions | None = None,
    aside: tuple[Aside, Aside] | None = None,
) -> Outcome:
    """Matches and compares two sources; rosters as they stand on a day. `aside` is the quarantine of each.

    The result is the same whatever the order of the records.
    """
    with _uncollected():
        return _reconcile((left, right), day, decisions or Decisions(), aside or (Aside(), Aside()))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for cycles of objects: comparing makes none, and looking doubles its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _reconcile(views: Views, day: date, said: Decisions, aside: tuple[Aside, Aside]) -> Outcome:
    ties = Ties()
    tie_classes(ties, views)
    tie_subjects(ties, views)
    tie_periods(ties, views)
    doubtful = tie_people(ties, views, confirmed=said.confirmed, split=said.split)
    tie_parts(ties, views)
    tie_courses(ties, views)
    tie_lessons(ties, views)
    matches = {entity: sorted(getattr(ties, entity).matches) for entity in TIED}
    finder = Finder(ties, views, day, aside)
    return Outcome(matches, sorted(doubtful), finder.find(doubtful), finder.can_tell)

"""Courses and lessons in two sources, once groups and subjects are tied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from typing import Final

from canonical.entities import Course, Lesson
from canonical.view import JournalView
from reconcile.ties import LEFT, RIGHT, SIDES, Tie, Ties, Views

_WHOLE: Final = "whole"


def tie_courses(ties: Ties, views: Views) -> None:
    """Courses by group and subject, those of parts by their part.

    Where one side has a course of the whole class and the other has courses of its parts, these together are it.
    """
    left, right = (_by_place(ties, views[side], side) for side in SIDES)
    for place, lefts in left.items():
        rights = right.get(place)
        if rights is None:
            continue
        if (set(lefts) == {_WHOLE} and _WHOLE not in rights) or (set(rights) == {_WHOLE} and _WHOLE not in lefts):
            keys = [sorted(k for some in side.values() for k in some) for side in (lefts, rights)]
            how = "group and subject, the whole class with its parts"
            ties.lumped.add(ties.courses.join(keys[LEFT], keys[RIGHT], 0.9, how, every=True))
            continue
        for part in sorted(lefts.keys() & rights.keys(), key=repr):
            how = "group and subject" if part == _WHOLE else "part of the group, and subject"
            ties.courses.join(sorted(lefts[part]), sorted(rights[part]), 1.0, how, every=True)


def course_place(ties: Ties, view: JournalView, side: int, course: Course) -> tuple[int, int] | None:
    """The class and the subject of a course by their numbers; null if either is not tied."""
    above = view.class_of(course.group)
    group = ties.groups.id(side, above.key if above else None)
    subject = ties.subjects.id(side, course.subject)
    return None if group is None or subject is None else (group, subject)


def _by_place(ties: Ties, view: JournalView, side: int) -> dict[tuple[int, int], dict[Hashable, list[str]]]:
    """Courses by class and subject, and in these by part: the whole class, a tied part, or one of this side alone."""
    found: dict[tuple[int, int], dict[Hashable, list[str]]] = defaultdict(lambda: defaultdict(list))
    for course in view.courses.values():
        place = course_place(ties, view, side, course)
        if place is None:
            continue
        above = view.class_of(course.group)
        part: Hashable = _WHOLE
        if above is None or above.key != course.group:
            number = ties.groups.id(side, course.group)
            part = ("part", number) if number is not None else ("alone", side, course.group)
        found[place][part].append(course.key)
    return found


def tie_lessons(ties: Ties, views: Views) -> None:
    """Lessons of a tied course on the same day: by the time of their beginning, by number, or by their order.

    Several lessons of one side that fall together are tied together (parts of a class that are taught at once).
    """
    days = [_by_day(ties, views[side], side) for side in SIDES]
    for place, lefts in days[LEFT].items():
        rights = days[RIGHT].get(place)
        if rights is None:
            continue
        for key, how in ((begins, "course, date and time"), (_number, "course, date and number")):
            _tie_same(ties.lessons, lefts, rights, key, how)
        here, there = (_in_order(ties.lessons.open(side, some)) for side, some in ((LEFT, lefts), (RIGHT, rights)))
        if len(here) == len(there):
            for one, other in zip(here, there, strict=True):
                ties.lessons.join([one.key], [other.key], 0.9, "course and date, the order of the day")
        elif here and there and not _can_be_told_apart(here, there):
            for side, some in ((LEFT, here), (RIGHT, there)):
                ties.unsure[side].update(lesson.key for lesson in some)


def _by_day(ties: Ties, view: JournalView, side: int) -> dict[tuple[int, str], list[Lesson]]:
    found: dict[tuple[int, str], list[Lesson]] = defaultdict(list)
    for lesson in view.lessons.values():
        course = ties.courses.id(side, lesson.course)
        if course is not None:
            found[course, lesson.date].append(lesson)
    return found


def begins(lesson: Lesson) -> datetime | None:
    """The instant at which a lesson begins, in one zone."""
    return datetime.fromisoformat(lesson.starts_at).astimezone(UTC) if lesson.starts_at else None


def _number(lesson: Lesson) -> int | None:
    return lesson.number


def _tie_same(
    tie: Tie, left: Iterable[Lesson], right: Iterable[Lesson], key: Callable[[Lesson], Hashable | None], how: str
) -> None:
    found: dict[Hashable, tuple[list[Lesson], list[Lesson]]] = defaultdict(lambda: ([], []))
    for side, lessons in ((LEFT, left), (RIGHT, right)):
        for lesson in _in_order(tie.open(side, lessons)):
            if (k := key(lesson)) is not None:
                found[k][side].append(lesson)
    for lefts, rights in found.values():
        if lefts and rights:
            tie.join(_standing(lefts), _standing(rights), 1.0, how, every=True)


def _standing(lessons: list[Lesson]) -> list[str]:
    """The keys of lessons that fall together, without cancelled ones where another stands in their place."""
    return [x.key for x in lessons if x.status != "cancelled"] or [x.key for x in lessons]


def _in_order(lessons: Iterable[Lesson]) -> list[Lesson]:
    return sorted(lessons, key=lambda x: (x.number or 0, x.starts_at or "", x.key))


def _can_be_told_apart(left: Iterable[Lesson], right: Iterable[Lesson]) -> bool:
    """Whether both sides say of all these lessons when they begin, or which number they have."""
    every = [*left, *right]
    return all(x.starts_at for x in every) or all(x.number is not None for x in every)

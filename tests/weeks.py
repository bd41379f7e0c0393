"""Journals of every other week: all that can happen happens in them, and they are read in half the time."""

from __future__ import annotations

from datetime import date

from connectors.standins.region import Institution


def is_kept(day: date) -> bool:
    """Whether the lessons of a day are kept: those of odd weeks are, and the first of all, given by who has left since."""
    return day.isocalendar().week % 2 == 1 or (day.month, day.day) == (9, 1)


def every_other_week(place: Institution) -> Institution:
    """Leaves out the lessons of every other week, with what hangs on them."""
    place.lessons = {n: x for n, x in place.lessons.items() if is_kept(x.date)}
    place.works = {n: w for n, w in place.works.items() if w.lesson in place.lessons}
    place.marks = {n: m for n, m in place.marks.items() if m.work in place.works}
    place.absences = {n: a for n, a in place.absences.items() if a.lesson in place.lessons}
    place.touched()
    return place

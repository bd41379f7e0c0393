"""Tables whose rows are things: class lists, staff, courses, plans, lessons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any, Final

from canonical.coverage import Axis, Scope, Selector
from connectors.files.layouts.pages import Line, Page
from connectors.files.layouts.values import Fault, Values
from connectors.files.mapping.around import (
    LackingError,
    course_of,
    group_of,
    name_of,
    need,
    period_of,
    pupil_of,
    staff,
    taught_by,
    teachers,
)
from connectors.files.mapping.gathering import HIDES, Gathering
from connectors.files.mapping.timetable import days_of

_ENROLMENT = ("status", "start", "end", "order_number")
_PERSON = ("birth_date", "sex", "snils")


def contingent(made: Gathering, file: int, page: Page, *, covers: bool) -> None:
    """A class list: people, their groups and enrolments; complete for the groups that it lists."""
    rows: dict[tuple[str, str], list[tuple[Values, Line]]] = defaultdict(list)
    known: dict[str, tuple[Any, ...]] = {}
    for line in page.lines:
        values = line.values.over(page.heading)
        try:
            group = group_of(made, file, values, page.year, line)
            key = _one_pupil(made, file, values, group, line, known)
        except LackingError as error:
            made.refuse(file, "people", error.fault, line=line, hides=HIDES["people"])
            continue
        if (fault := _fault(values, _PERSON)) is not None:
            made.refuse(file, "people", fault, key=key, line=line)
        rows[key, group].append((values, line))
    for (person, group), lines in rows.items():
        _enrol(made, file, person, group, lines)
    if covers:
        groups = sorted({group for _, group in rows})
        made.by_file[file].scopes.extend(Scope("enrolments", Selector.GROUP, g) for g in groups)


def _one_pupil(
    made: Gathering, file: int, values: Values, group: str, line: Line, known: dict[str, tuple[Any, ...]]
) -> str:
    """The key of a row's pupil. Of two of one name in a group the birth date tells which is which.

    Raises:
        LackingError: nothing tells.

    """
    name = name_of(values, line)
    key = str(values.said.get("student_key") or f"{group}:{name.full}")
    who = tuple(values.said.get(field) for field in _PERSON)
    if known.setdefault(key, who) != who and "student_key" not in values.said:
        born = values.said.get("birth_date")
        if born is None or born == known[key][0]:
            why = "the same name stands twice in this group and nothing tells who is who; add a column of numbers"
            raise LackingError(Fault(why, name.full, line.place))
        values.said["student_key"] = f"{key}:{born.isoformat()}"
    return pupil_of(made, file, values, group, line)


def _enrol(made: Gathering, file: int, person: str, group: str, lines: list[tuple[Values, Line]]) -> None:
    """The enrolments of a person in a group: one, or one for each time that they came."""
    lines.sort(key=lambda one: one[0].said.get("start") or date.min)
    for n, (values, line) in enumerate(lines):
        start = values.said.get("start")
        key = f"{person}:{group}" if n == 0 else f"{person}:{group}:{start or n + 1}"
        if n and values.said == lines[n - 1][0].said:
            continue  # the same row again
        if (fault := _fault(values, _ENROLMENT)) is not None:
            made.refuse(file, "enrolments", fault, key=key, line=line)
        fields = {f: _plain(values.said.get(f)) for f in _ENROLMENT}
        made.add(file, "enrolments", key, person=person, group=group, **fields)


def staff_list(made: Gathering, file: int, page: Page) -> None:
    """A list of the staff."""
    for line in page.lines:
        values = line.values.over(page.heading)
        try:
            name = name_of(values, line)
        except LackingError as error:
            made.refuse(file, "people", error.fault, line=line)
            continue
        fields = {f: _plain(values.said.get(f)) for f in ("position", *_PERSON)}
        key = staff(made, file, name, **fields)
        if (fault := _fault(values, ("position", *_PERSON))) is not None:
            made.refuse(file, "people", fault, key=key, line=line)


def courses(made: Gathering, file: int, page: Page) -> None:
    """A teaching load: groups, subjects, teachers and hours."""
    for line in page.lines:
        values = line.values.over(page.heading)
        try:
            course = course_of(made, file, values, page.year, line)
        except LackingError as error:
            made.refuse(file, "courses", error.fault, line=line)
            continue
        taught_by(made, file, course, teachers(made, file, values, line))
        if (fault := _fault(values, ("planned_hours",))) is not None:
            made.refuse(file, "courses", fault, key=course.key, line=line)


def plan(made: Gathering, file: int, page: Page, *, covers: bool) -> None:
    """A plan of topics (КТП), a row a topic in order. Of two files for one course and period the later one counts."""
    counts: Counter[str] = Counter()
    for line in page.lines:
        values = line.values.over(page.heading)
        try:
            course = course_of(made, file, values, page.year, line)
            period = values.said.get("period")
            held = f"{course.key}:{period_of(made, file, period, page.year, page.heading)}" if period else course.key
            counts[held] += 1
            key = f"{held}:{counts[held]}"
            title = need(values, "title", place=line.place)
        except LackingError as error:
            made.refuse(file, "planned_topics", error.fault, line=line)
            continue
        if counts[held] == 1:
            _forget_plan(made, held)
        taught_by(made, file, course, teachers(made, file, values, line))
        fields = {f: _plain(values.said.get(f)) for f in ("hours", "kind", "planned_on", "homework")}
        number = values.said.get("number", counts[held])
        made.add(file, "planned_topics", key, course=course.key, title=title, number=number, **fields)
        if (fault := _fault(values, ("number", "hours", "kind", "planned_on", "period"))) is not None:
            made.refuse(file, "planned_topics", fault, key=key, line=line)
        if covers and counts[held] == 1:
            made.by_file[file].scopes.append(Scope("planned_topics", Selector.COURSE, course.key))


def _forget_plan(made: Gathering, held: str) -> None:
    """What an earlier file said of the plan; its numbers run on from 1."""
    number = 1
    while made.made["planned_topics"].pop(f"{held}:{number}", None) is not None:
        made.dropped.discard(("planned_topics", f"{held}:{number}"))
        number += 1


def lessons(made: Gathering, file: int, page: Page, *, covers: bool) -> None:
    """Lessons by date: the block of a journal page, complete for its course, or a timetable, complete for its groups.

    Who is named above a page teaches the course; who held a lesson, only its row can say.
    """
    counts: Counter[str] = Counter()
    days: dict[Scope, list[date]] = defaultdict(list)
    of_one_course = "subject" in page.heading.said
    for values, line in _rows(page):
        try:
            course = course_of(made, file, values, page.year, line)
            level = made.made["groups"][course.home][1].get("level")
            on = days_of(values, page.table, line.place, made.calendar, level)
        except LackingError as error:
            made.refuse(file, "lessons", error.fault, line=line, hides=HIDES["lessons"])
            continue
        who = teachers(made, file, values, line)
        taught_by(made, file, course, who)
        fields = {f: values.said.get(f) for f in ("number", "room", "status", "kind", "hours", "topic", "homework")}
        fault = _fault(values, _OWN)
        selected = (
            Scope("lessons", Selector.COURSE, course.key)
            if of_one_course
            else Scope("lessons", Selector.GROUP, course.home)
        )
        for day in on:
            counts[f"{course.key}:{day}"] += 1
            key = f"{course.key}:{day}:{counts[f'{course.key}:{day}']}"
            made.add(
                file,
                "lessons",
                key,
                course=course.key,
                date=day.isoformat(),
                teacher=who[0] if who and "teacher" not in page.heading.said else None,
                starts_at=_instant(day, values, "starts_at", 0),
                ends_at=_instant(day, values, "ends_at", 1),
                **fields,
            )
            if fault is not None:
                made.refuse(file, "lessons", fault, key=key, line=line)
            days[selected].append(day)
    if covers:
        made.by_file[file].scopes.extend(
            replace(scope, axis=Axis.LESSON_DATE, start=min(held).isoformat(), end=max(held).isoformat())
            for scope, held in days.items()
        )


_OWN: Final = ("number", "room", "status", "kind", "hours", "topic", "homework", "times", "starts_at", "ends_at")
"""What a lesson of a file has besides its course and its day."""


def _rows(page: Page) -> Iterator[tuple[Values, Line]]:
    """The lessons of a page: a row each, or a cell each where groups or days stand across."""
    for line in page.lines:
        if not page.across:
            yield line.values.over(page.heading), line
        for cell in line.cells:
            if cell.values.said or cell.values.faults:
                yield cell.values.over(cell.across.values).over(line.values).over(page.heading), line


def _instant(day: date, values: Values, name: str, n: int) -> str | None:
    times = values.said.get("times")
    said = values.said.get(name) or (times[n] if times else None)
    return f"{day}T{said}:00" if said else None


def _fault(values: Values, names: tuple[str, ...]) -> Fault | None:
    return next((values.faults[n] for n in names if n in values.faults), None)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value

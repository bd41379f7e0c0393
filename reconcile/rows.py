"""What is compared: the records of one source as keyed rows, in terms that both sources share (the numbers of `Ties`).

A record that points at something untied makes no row: what is missing is that something, and said once. Where a thing has
several records on one side they make one row, or none if they cannot be one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from canonical.entities import Course, Lesson, Mark, PeriodMark
from canonical.view import JournalView
from reconcile.compare import Row
from reconcile.courses import begins
from reconcile.names import is_initial_of, read_name
from reconcile.rosters import Stand
from reconcile.ties import LEFT, RIGHT, SIDES, Ties, Views
from reconcile.words import fold, prose

_LAST: Final = "9"
"""What was recorded nobody knows when comes last."""
_CODE_MEANINGS: Final = frozenset({"credit", "no_credit", "exempt", "not_attested", "debt"})


class Field(NamedTuple):
    """One field that is compared: its name as it is reported, and the field that both sources must be able to say."""

    name: str
    needs: str | None


def _fields(*names: str) -> tuple[Field, ...]:
    return tuple(Field(n, n) for n in names)


FIELDS: Final[Mapping[str, tuple[Field, ...]]] = MappingProxyType(
    {
        "people": _fields("family_name", "given_name", "patronymic", "birth_date", "sex", "position", "snils"),
        "groups": _fields("level", "speciality_code", "speciality_name", "department", "curator"),
        # whether a pupil belongs to the group is said by the enrolment's being there
        "enrolments": (Field("status", None), *_fields("status", "start", "end")),
        "periods": _fields("start", "end"),
        "courses": _fields("teachers", "planned_hours"),
        "lessons": (
            *_fields("status", "topic", "homework", "teacher", "kind", "hours", "room", "starts_at", "number"),
        ),
        "attendance": _fields("status", "minutes_late"),
        "marks": _fields("value"),
        "period_marks": _fields("value"),
    }
)
"""The fields of each entity that are compared, in the order of the rows' values."""


# -- values ----------------------------------------------------------------------------------------------------------


def mark_value(mark: Mark | PeriodMark) -> str | None:
    """What a mark says: its meaning where that is a word that every portal prints its own way, else its printed value."""
    return _value_said(mark.meaning, mark.value, mark.grade)


@lru_cache(maxsize=4_096)
def _value_said(meaning: str | None, value: str | None, grade: int | None) -> str | None:
    if meaning in _CODE_MEANINGS:
        return meaning
    if value:
        return fold(value).replace(" ", "").rstrip(".")
    return str(grade) if grade is not None else None


def _folded(text: str | None) -> str | None:
    return fold(text) or None if text else None


def _prose(text: str | None) -> str | None:
    return prose(text) or None if text else None


def _person(ties: Ties, side: int, key: str | None) -> Hashable:
    """Somebody by their number. Whom the other side has not is certainly none of those it has."""
    if key is None:
        return None
    number = ties.people.id(side, key)
    return "nobody there" if number is None else number


# -- rosters ---------------------------------------------------------------------------------------------------------


def people_rows(ties: Ties, views: Views) -> tuple[list[Row], list[Row]]:
    """Matched people; an initial says nothing against a full name."""
    rows: tuple[list[Row], list[Row]] = ([], [])
    for match in ties.people.matches:
        pair = (views[LEFT].people[match.left], views[RIGHT].people[match.right])
        names = [read_name(p.family_name, p.given_name, p.patronymic) for p in pair]
        said = [tuple(None if is_initial_of(a, b) else mine or None for a, b, mine in zip(*names, own, strict=True)) for own in names]  # fmt: skip
        for side, person in enumerate(pair):
            rest = (person.birth_date, person.sex, _folded(person.position), person.snils)
            rows[side].append(Row((match.left, match.right), person.key, (*said[side], *rest)))
    return rows


def group_rows(ties: Ties, view: JournalView, side: int) -> list[Row]:
    """Tied groups, each by the record that was matched."""
    rows = []
    for number in range(len(ties.groups)):
        group = view.groups[ties.groups.keys(side, number)[0]]
        values = (
            group.level,
            _folded(group.speciality_code),
            _folded(group.speciality_name),
            _folded(group.department),
            _person(ties, side, group.curator),
        )
        rows.append(Row((number,), group.key, values))
    return rows


def enrolment_rows(ties: Ties, views: Views, standing: Iterable[Stand], side: int) -> list[Row]:
    """How tied pupils stand in tied groups. Who has left says why and when; who is there, since when in this year."""
    chosen: dict[tuple[int, int], Stand] = {}
    for stand in standing:
        person, group = ties.people.id(side, stand.person), ties.groups.id(side, stand.group)
        if person is None or group is None:
            continue
        before = chosen.get((person, group))
        if before is None or (stand.here is not False, stand.key) > (before.here is not False, before.key):
            chosen[person, group] = stand
    rows = []
    for (person, group), s in chosen.items():
        start = _in_year(s.start, _year(ties, views, group))
        said: tuple[Hashable, ...] = ("not here", s.status, start, s.end)
        if s.here is not False:
            said = ("here" if s.here else None, None, start, None)
        rows.append(Row((person, group), s.key, said))
    return rows


def _year(ties: Ties, views: Views, group: int) -> str | None:
    """The academic year of a group, as either source says it."""
    said = (views[side].groups[ties.groups.keys(side, group)[0]].academic_year for side in SIDES)
    return next((year for year in said if year), None)


def _in_year(day: str | None, year: str | None) -> str | None:
    """A day, or the first of the year: who came before it is there from its beginning, whatever else a registry knows."""
    return max(day, f"{year[:4]}-09-01") if day and year else day


def period_rows(ties: Ties, view: JournalView, side: int) -> list[Row]:
    """Tied periods; the year itself has no dates of its own (connectors add it)."""
    rows = []
    for number in range(len(ties.periods)):
        period = view.periods[ties.periods.keys(side, number)[0]]
        if period.kind != "year":
            rows.append(Row((number,), period.key, (period.start, period.end)))
    return rows


# -- the journal -----------------------------------------------------------------------------------------------------


def course_rows(ties: Ties, view: JournalView, side: int) -> list[Row]:
    """Tied courses: everyone who teaches them, and their hours; not where a class stands against its parts."""
    rows = []
    for number in range(len(ties.courses)):
        if number in ties.lumped:
            continue
        courses = [view.courses[key] for key in ties.courses.keys(side, number)]
        hours = [c.planned_hours for c in courses]
        total = None if None in hours else sum(h for h in hours if h is not None)
        rows.append(Row((number,), courses[0].key, (_teachers(ties, side, courses), total)))
    return rows


def _teachers(ties: Ties, side: int, courses: Iterable[Course]) -> frozenset[int] | None:
    """The teachers whom both sides know; null where no course names any."""
    named = [t for c in courses for t in c.teachers or ()]
    if not named:
        return None
    return frozenset(number for t in named if (number := ties.people.id(side, t)) is not None)


def lesson_rows(ties: Ties, views: Views) -> tuple[list[Row], list[Row]]:
    """Lessons that are one to one. When a lesson is, is told by its beginning, and by its number only without that."""
    rows: tuple[list[Row], list[Row]] = ([], [])
    for number in range(len(ties.lessons)):
        keys = (ties.lessons.keys(LEFT, number), ties.lessons.keys(RIGHT, number))
        if len(keys[LEFT]) > 1 or len(keys[RIGHT]) > 1:
            continue
        pair = (views[LEFT].lessons[keys[LEFT][0]], views[RIGHT].lessons[keys[RIGHT][0]])
        timed = all(x.starts_at for x in pair)
        for side, lesson in enumerate(pair):
            rows[side].append(Row((number,), lesson.key, _lesson_values(ties, side, lesson, timed=timed)))
    return rows


def _lesson_values(ties: Ties, side: int, lesson: Lesson, *, timed: bool) -> tuple[Hashable, ...]:
    return (
        lesson.status,
        _prose(lesson.topic),
        _prose(lesson.homework),
        _person(ties, side, lesson.teacher),
        lesson.kind,
        lesson.hours,
        _folded(lesson.room),
        begins(lesson),
        None if timed else lesson.number,
    )


def attendance_rows(ties: Ties, view: JournalView, side: int) -> list[Row]:
    """Attendance by lesson and pupil."""
    lessons, people = ties.lessons.ids(side), ties.people.ids(side)
    rows = []
    for a in view.attendance.values():
        lesson, student = lessons.get(a.lesson), people.get(a.student)
        if lesson is not None and student is not None:
            rows.append(Row((lesson, student), a.key, (a.status, a.minutes_late), a.recorded_at or _LAST))
    return rows


def debts(view: JournalView, entity: str) -> frozenset[str | None]:
    """The debts that a source prints: each portal has its own, which no other one knows."""
    return frozenset(m.value for m in getattr(view, entity).values() if m.meaning == "debt")


def mark_rows(ties: Ties, view: JournalView, side: int, *, shared: frozenset[str | None]) -> list[Row]:
    """Marks by lesson and pupil, of works without a lesson by course and pupil; of debts those that both sources know."""
    places: dict[str, tuple[str, int] | None] = {}
    for work in view.works.values():
        tie, key = (ties.lessons, work.lesson) if work.lesson is not None else (ties.courses, work.course)
        number = tie.id(side, key)
        places[work.key] = None if number is None else ("lesson" if work.lesson is not None else "course", number)
    people = ties.people.ids(side)
    rows = []
    for mark in view.marks.values():
        place, student = places.get(mark.work), people.get(mark.student)
        if place is not None and student is not None and (mark.meaning != "debt" or mark.value in shared):
            rows.append(Row((*place, student), mark.key, (mark_value(mark),), mark.recorded_at or _LAST))
    return rows


def period_mark_rows(ties: Ties, view: JournalView, side: int) -> list[Row]:
    """Period marks by pupil, subject, period and kind."""
    subjects = {c.key: ties.subjects.id(side, c.subject) for c in view.courses.values()}
    rows = []
    for mark in view.period_marks.values():
        unit = (
            ties.people.id(side, mark.student),
            subjects.get(mark.course),
            ties.periods.id(side, mark.period),
            mark.kind,
        )
        if None not in unit[:3]:
            rows.append(Row(unit, mark.key, (mark_value(mark),), mark.recorded_at or _LAST))
    return rows


OF_ONE_SIDE: Final[Mapping[str, Callable[[Ties, JournalView, int], list[Row]]]] = MappingProxyType(
    {
        "groups": group_rows,
        "periods": period_rows,
        "courses": course_rows,
        "attendance": attendance_rows,
        "period_marks": period_mark_rows,
    }
)
"""The rows that each side makes by itself."""

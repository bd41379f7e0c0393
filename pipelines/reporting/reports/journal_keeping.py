"""«Анализ ведения электронных журналов за месяц», TEX 4.8.3, 4.7."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from canonical.entities import Course, Lesson
from canonical.text import sort_key
from pipelines.completeness.fill import day_is_over, is_doubtful, is_due, is_filled, is_on_free_day, is_recorded
from pipelines.reporting.asking import Asked
from pipelines.reporting.catalogue import Body, Definition
from pipelines.reporting.document import NO_DATA, Cell, Column, Row, Table
from pipelines.reporting.journal import Journal
from pipelines.reporting.progress import percent

_RECORDED: Final = "Записано в журнал"
_COUNTS: Final = (
    Column("due", "Занятий по расписанию", "integer", 11),
    Column("filled", "заполнено", "integer", 10, over="Из них"),
    Column("share", "%", "percent", 7, over="Из них"),
    Column("unrecorded", "не записано", "integer", 9, over="Из них"),
    Column("recorded", "всего", "integer", 7, over=_RECORDED),
    Column("in_time", "в день занятия", "integer", 8, over=_RECORDED),
    Column("late", "позже", "integer", 7, over=_RECORDED),
    Column("no_topic", "без темы", "integer", 8, over=_RECORDED),
    Column("no_homework", "без домашнего задания", "integer", 10, over=_RECORDED),
    Column("not_taken", "без отметки о посещаемости", "integer", 14, over=_RECORDED),
    Column("marks", "всего", "integer", 7, over="Отметок"),
    Column("marks_each", "на занятие", "decimal", 8, over="Отметок"),
)
_COURSES: Final = (
    Column("group", "Группа", width=13, fixed=True),
    Column("subject", "Предмет (дисциплина)", width=26, fixed=True),
    Column("teacher", "Преподаватель", width=26, fixed=True),
    *_COUNTS,
)
_TEACHERS: Final = (Column("teacher", "Преподаватель", width=34, fixed=True), *_COUNTS)
_NOTES: Final = (
    "Учтены занятия месяца, кроме отменённых, день которых уже прошёл, если после этого дня журнал был прочитан целиком: журнал заполняется в день занятия (TEX 4.5.2).",
    "Заполнено — занятие записано в журнал, указана тема и отмечена посещаемость (насколько портал об этом сообщает).",
    "«В день занятия» и «позже» — по времени записи, если портал его сообщает; сумма этих граф может быть меньше числа записанных занятий.",
    "Домашнее задание задаётся не на каждом занятии: его отсутствие само по себе не является нарушением.",
    "Преподаватель — тот, кто провёл занятие; если он не указан, преподаватели курса. «Нет данных» — источник этого не сообщает.",
)


@dataclass(slots=True)
class _Count:
    """What is counted of lessons, and which of it the sources tell at all."""

    counts: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)

    def note(self, **counts: int) -> None:
        self.told.update(counts)
        self.counts.update(counts)

    def include(self, other: _Count) -> None:
        self.told |= other.told
        self.counts.update(other.counts)

    def cells(self) -> tuple[Cell, ...]:
        n = self.counts
        said: dict[str, Cell] = {c.id: n[c.id] if c.id in self.told else NO_DATA for c in _COUNTS}
        said["share"] = percent(n["filled"], n["due"])
        if "marks" in self.told:
            said["marks_each"] = n["marks"] / n["marked"] if n["marked"] else None
        return tuple(said.values())


@dataclass(slots=True)
class _Found:
    """Counts of one institution: by group, subject and teacher (name and keys), and by teacher. `unread` lessons are not judged."""

    institution: str
    courses: dict[tuple[str, str, str, tuple[str, ...]], _Count] = field(default_factory=dict)
    teachers: dict[tuple[str, tuple[str, ...]], _Count] = field(default_factory=dict)
    total: _Count = field(default_factory=_Count)
    unread: int = 0


def build(journals: Iterable[Journal], asked: Asked) -> Body:
    """By group, subject and teacher, and by teacher; with totals of institutions and of all."""
    found = [_look(journal, asked) for journal in journals]
    asked.check()
    overall = _Count()
    for one in found:
        overall.include(one.total)
    courses: list[Row] = []
    teachers: list[Row] = []
    for one in (f for f in found if f.courses):
        total = one.total.cells()
        for (*names, _), count in sorted(one.courses.items(), key=lambda c: (*map(sort_key, c[0][:3]), c[0][3])):
            courses.append(Row((*names, *count.cells()), group=one.institution))
        courses.append(Row(("Итого", None, None, *total), "subtotal", group=one.institution))
        for (name, _), count in sorted(one.teachers.items(), key=lambda c: (sort_key(c[0][0]), c[0][1])):
            teachers.append(Row((name, *count.cells()), group=one.institution))
        teachers.append(Row(("Итого", *total), "subtotal", group=one.institution))
    if len(found) > 1:
        courses.append(Row(("Всего", None, None, *overall.cells()), "total"))
        teachers.append(Row(("Всего", *overall.cells()), "total"))
    empty = "В этом месяце нет занятий, о которых можно судить"
    tables = (
        Table("courses", _COURSES, tuple(courses), "По группам, предметам и преподавателям", "Предметы", empty),
        Table("teachers", _TEACHERS, tuple(teachers), "По преподавателям", "Преподаватели", empty),
    )
    unread = sum(f.unread for f in found)
    note = f"Не учтено прошедших занятий: {unread}. После их дня журнал ещё не прочитан целиком, или их состояние порталом не определено."
    return Body(tables, (*_NOTES, note) if unread else _NOTES)


def _look(journal: Journal, asked: Asked) -> _Found:
    found = _Found(journal.institution.name)
    span = asked.month(journal)
    told = _told(journal)
    for course in _courses(journal, asked):
        group, subject = journal.class_name(course.group), journal.subject(course.key)
        for lesson in journal.lessons([course], span):
            people = journal.teachers(lesson)
            if not asked.is_taught_by(journal, people):
                continue
            if not is_due(journal.view, lesson, journal.zone, journal.moment, journal.calendar):
                found.unread += _is_unread(journal, lesson)
                continue
            teacher = ", ".join(journal.person_name(p) for p in people) or "не указан"
            count = _count(journal, lesson, told)
            for total in (
                found.courses.setdefault((group, subject, teacher, people), _Count()),
                found.teachers.setdefault((teacher, people), _Count()),
                found.total,
            ):
                total.include(count)
    return found


def _is_unread(journal: Journal, lesson: Lesson) -> bool:
    """Whether a lesson that is not judged is over: its state after its day is not known, or is no word of ours."""
    over = day_is_over(date.fromisoformat(lesson.date), journal.zone) <= journal.moment
    return over and (is_doubtful(lesson) or not is_on_free_day(journal.view, lesson, journal.calendar))


def _courses(journal: Journal, asked: Asked) -> Iterable[Course]:
    classes = asked.classes(journal)
    if asked.request.group is None:
        return journal.view.courses.values()
    return {c.key: c for g in classes for c in journal.courses_of_class(g.key)}.values()


def _told(journal: Journal) -> frozenset[str]:
    """What the journal tells of lessons at all: of topics and homework an empty field says that there is none."""
    can = journal.view.can_say
    return frozenset(
        [f for f in ("topic", "homework") if can("lessons", f)]
        + [f for f in ("recorded_at", "attendance_taken") if journal.tells_of_lessons(f)]
        + (["marks"] if journal.tells("marks", journal.view.marks.values()) else [])
    )


def _count(journal: Journal, lesson: Lesson, told: frozenset[str]) -> _Count:
    view = journal.view
    recorded = is_recorded(view, lesson)
    made = _Count()
    made.note(due=1, filled=int(is_filled(view, lesson)), recorded=int(recorded), unrecorded=int(not recorded))
    if "recorded_at" in told:
        at = datetime.fromisoformat(lesson.recorded_at) if recorded and lesson.recorded_at else None
        late = at is not None and at >= day_is_over(date.fromisoformat(lesson.date), journal.zone)
        made.note(in_time=int(at is not None and not late), late=int(late))
    if "topic" in told:
        made.note(no_topic=int(recorded and lesson.topic is None))
    if "homework" in told:
        made.note(no_homework=int(recorded and lesson.homework is None))
    if "attendance_taken" in told:
        made.note(not_taken=int(recorded and lesson.attendance_taken is False))
    if "marks" in told:
        made.note(marks=len(view.marks_of_lesson(lesson.key)) if recorded else 0, marked=int(recorded))
    return made


REPORT: Final = Definition(
    id="journal-keeping",
    title="Анализ ведения электронных журналов за месяц",
    also=("Анализ ведения электронных журналов",),
    about="lessons due, recorded, in time and late, topics, homework and marks, by course and teacher, in a month",
    clause="TEX 4.8.3, 4.7",
    takes=frozenset({"teacher", "month"}),
    signatures=("Заместитель директора",),
    build=build,
    order=24,
)

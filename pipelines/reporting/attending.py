"""Attendance counted: what was missed, for which reason, out of what should have been attended.

Counted are recorded lessons up to today, and of each those pupils who were enrolled in its group on its day. A lesson
whose attendance was not taken (where the portal tells that) says nothing about anybody and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from canonical.entities import Attendance, Course, Lesson
from pipelines.completeness.fill import is_recorded, place_of
from pipelines.reporting.document import NO_DATA, Cell
from pipelines.reporting.journal import Journal
from pipelines.reporting.progress import percent
from pipelines.reporting.spans import Span

Reason = Literal["excused", "ill", "absent", "unknown"]
_MISSED: Final[dict[str | None, Reason]] = {"excused": "excused", "ill": "ill", "absent": "absent", None: "unknown"}
_PRECEDENCE: Final = ("excused", "ill", "absent", None, "late", "exempt", "present")
"""Of several entries about one pupil in one lesson the first of these counts."""

NOTES: Final = (
    "Учтены проведённые (записанные в журнал) занятия периода по дату отчёта и обучающиеся, числящиеся в группе в последний день периода (пока он идёт — на дату отчёта). Занятие подгруппы учтено для её обучающихся.",
    "Посещаемость — доля занятий, на которых обучающиеся были, от числа занятий, на которых они должны были быть (человеко-занятия). Опоздание и освобождение («осв») пропуском не считаются.",
    "«Без причины» — в журнале «н» или «нп»: уважительная причина не названа. «Причина не указана» — журнал сообщает о пропуске, но значение отметки о нём не известно.",
    "Занятия, на которых посещаемость не отмечена (если портал это сообщает), в расчёт не входят.",
    "«Нет данных» — источник этого не сообщает.",
)


@dataclass(slots=True)
class Missed:
    """What is counted of pupils: `due` and `missed` in lessons of one pupil; `hours` is null where a lesson tells none."""

    due: int = 0
    missed: Counter[Reason] = field(default_factory=Counter)
    late: int = 0
    hours: float | None = 0
    hours_absent: float | None = 0

    def add(self, status: str | None, hours: float | None) -> None:
        """Counts an entry; `status` is one of the canonical words, or null for one that is none of them."""
        if status == "late":
            self.late += 1
        reason = _MISSED.get(status)
        if reason:
            self.missed[reason] += 1
            self.hours = _plus(self.hours, hours)
            if reason == "absent":
                self.hours_absent = _plus(self.hours_absent, hours)

    def include(self, other: Missed) -> None:
        """Adds what another one has counted."""
        self.due += other.due
        self.missed += other.missed
        self.late += other.late
        self.hours = _plus(self.hours, other.hours)
        self.hours_absent = _plus(self.hours_absent, other.hours_absent)

    @property
    def share(self) -> float | None:
        """Посещаемость, percent."""
        return percent(self.due - self.missed.total(), self.due)

    def cells(self, *, with_hours: bool) -> tuple[Cell, ...]:
        """All of it in the order of the columns of a report."""
        m = self.missed
        hours = (_told(self.hours), _told(self.hours_absent)) if with_hours else ()
        return (self.due, m.total(), m["excused"], m["ill"], m["absent"], m["unknown"], *hours, self.late, self.share)


def _plus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left + right


def _told(value: float | None) -> Cell:
    return NO_DATA if value is None else value


@dataclass(slots=True)
class Register:
    """The attendance of a class in a span: pupils in the order of their names, lessons, and how much of it is known."""

    pupils: dict[str, Missed]
    lessons: int = 0
    not_taken: int = 0
    partly_read: int = 0

    def total(self) -> Missed:
        total = Missed()
        for missed in self.pupils.values():
            total.include(missed)
        return total


def tells_attendance(journal: Journal) -> bool:
    """Whether the journal says who was absent at all."""
    return journal.tells("attendance", journal.view.attendance.values())


def register(journal: Journal, group: str, span: Span) -> Register:
    """Counts the attendance of a class.

    Of a pupil's lessons in groups that are not part of the class (metagroups) those count that fall into days on which
    the pupil was in the class.
    """
    made = Register({p: Missed() for p in journal.pupils(group, span.last_day(journal.today))})
    for course in journal.courses_of_class(group):
        for lesson in journal.lessons([course], span):
            if not is_recorded(journal.view, lesson):
                continue
            due = _due(journal, group, course, lesson) & made.pupils.keys()
            if not due:
                continue
            made.lessons += 1
            if lesson.attendance_taken is False:
                made.not_taken += 1
                continue
            made.partly_read += not journal.view.coverage.read_at("attendance", place_of(journal.view, lesson))
            _count(made, lesson, due, journal.view.attendance_of_lesson.get(lesson.key, ()))
    return made


def _due(journal: Journal, group: str, course: Course, lesson: Lesson) -> set[str]:
    """Who should have been there: the roster of the course's group; of a metagroup those of the class."""
    there = set(journal.roster(course.group, lesson.date))
    return there if course.group == group else there & journal.roster(group, lesson.date)


def _count(made: Register, lesson: Lesson, due: Iterable[str], entries: Iterable[Attendance]) -> None:
    found: dict[str, list[str | None]] = {}
    for entry in entries:
        found.setdefault(entry.student, []).append(entry.status)
    for pupil in due:
        missed = made.pupils[pupil]
        missed.due += 1
        if pupil in found:
            missed.add(min(found[pupil], key=_PRECEDENCE.index), lesson.hours)

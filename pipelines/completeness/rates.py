"""Fill rates: how many of the lessons that were due are filled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from canonical.text import sort_key
from pipelines.completeness.case import Case
from pipelines.completeness.fill import is_doubtful, is_due, is_filled, is_on_free_day


@dataclass(slots=True)
class Rate:
    """Lessons of one institution, group, subject and teacher; in a total what it sums over is null.

    `unknown` lessons are over, but what was last read does not tell whether they are filled: they count as neither.
    """

    institution: str
    group: str | None = None
    subject: str | None = None
    teacher: str | None = None
    due: int = 0
    filled: int = 0
    unknown: int = 0

    @property
    def rate(self) -> float | None:
        """The share of due lessons that are filled, 0 to 1; null if none is due."""
        return round(self.filled / self.due, 4) if self.due else None

    def as_json(self) -> dict[str, Any]:
        """The shape of contract.md, with what stands besides."""
        return {
            "institution": self.institution,
            "group": self.group,
            "subject": self.subject,
            "teacher": self.teacher,
            "lessons_due": self.due,
            "lessons_filled": self.filled,
            "rate": self.rate,
            "lessons_unknown": self.unknown,
        }


def rates(case: Case) -> list[Rate]:
    """The rates of a journal by group, subject and teacher; the teacher is who held the lessons."""
    found: dict[tuple[str, str | None], Rate] = {}
    view = case.view
    for lesson in case.lessons:
        if case.moment < case.day_is_over(lesson.date):
            continue
        teacher = case.teacher_name(lesson.course, lesson)
        key = (lesson.course, teacher)
        if key not in found:
            found[key] = Rate(
                case.institution.key, case.group_name(lesson.course), case.subject_name(lesson.course), teacher
            )
        rate = found[key]
        if is_due(view, lesson, case.zone, case.moment, case.calendar):
            rate.due += 1
            rate.filled += is_filled(view, lesson)
        elif is_doubtful(lesson) or not is_on_free_day(view, lesson, case.calendar):
            rate.unknown += 1
    return total(found.values(), lambda r: (r.group, r.subject, r.teacher))


def total(parts: Iterable[Rate], by: Callable[[Rate], tuple[str | None, str | None, str | None]]) -> list[Rate]:
    """The sums of rates that are the same in institution and in what `by` gives (group, subject, teacher), in order."""
    sums: dict[tuple[str, str | None, str | None, str | None], Rate] = defaultdict(lambda: Rate(""))
    for part in parts:
        one = sums[part.institution, *by(part)]
        one.institution = part.institution
        one.group, one.subject, one.teacher = by(part)
        one.due += part.due
        one.filled += part.filled
        one.unknown += part.unknown
    return sorted(sums.values(), key=lambda r: (r.institution, *map(sort_key, (r.group, r.subject, r.teacher))))

"""Marks of reporting periods: given within the last week of the period (KOL 2.8), or by the institution's own dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal

from pydantic import Field

from canonical.entities import Course, Period
from canonical.text import tidy
from canonical.view import Place
from canonical.years import AcademicYear
from pipelines.completeness.case import Case, russian
from pipelines.completeness.fill import level_of
from pipelines.completeness.rule import Rule, RuleSettings
from pipelines.completeness.suspicion import Ground, Severity, Suspicion

Kind = Literal["period", "year"]


class PeriodMarkSettings(RuleSettings):
    """Which marks are demanded, from when on they are awaited, and until when.

    `last_days` of the period are those in which the marks are to be given: a mark that is not there yet is told with
    `last_days_severity`. It is due at the end of the last school day of the period, `deadline_days` later where the
    institution's order says so. Subjects whose name holds one of `except_subjects` are not marked, nor is grade 1 of a school.
    """

    kinds: tuple[Kind, ...] = ("period", "year")
    last_days: int = Field(default=7, ge=0)
    last_days_severity: Severity = "info"
    deadline_days: int = Field(default=0, ge=0)
    except_subjects: tuple[str, ...] = ()


def missing(case: Case, settings: PeriodMarkSettings) -> Iterator[Suspicion]:
    """Marks of periods that are over or in their last days, one for each pupil, subject and period.

    A mark is demanded of each pupil of a course who is enrolled on the last day of the period (while it runs: today), if
    the course has a lesson in the period. It may stand on any course of the subject that the pupil has. Year marks are
    demanded only of journals that have any: not every portal keeps them.
    """
    terms = _Terms(case, settings)
    wanted: dict[tuple[str, str, str], list[tuple[Course, Term]]] = defaultdict(list)
    for course in case.view.courses.values():
        if not _is_marked(case, settings, course):
            continue
        for term, students in terms.of_course(course):
            for student in students:
                wanted[student, course.subject, term.period.key].append((course, term))
    for (student, subject, period), found in wanted.items():
        if (student, subject, period) not in terms.given:
            courses = sorted((c for c, _ in found), key=lambda c: (_is_part(case, c), c.key))
            yield _missing(case, settings, found[0][1], student, courses)


def _is_marked(case: Case, settings: PeriodMarkSettings, course: Course) -> bool:
    if case.is_school and level_of(case.view, course.key) == 1:
        return False
    name = (case.subject_name(course.key) or "").casefold()
    return not any(word in name for s in settings.except_subjects if (word := (tidy(s) or "").casefold()))


def _is_part(case: Case, course: Course) -> bool:
    group = case.view.groups.get(course.group)
    return group is None or group.kind in {"subgroup", "metagroup"}


@dataclass(frozen=True, slots=True)
class Term:
    """A period whose marks are awaited since `since` and due at `due_at`, of those enrolled on `roster_day`."""

    period: Period
    since: datetime
    due_at: datetime
    roster_day: date


class _Terms:
    """The periods of a journal whose marks are awaited at the moment, and the marks that are given."""

    def __init__(self, case: Case, settings: PeriodMarkSettings) -> None:
        self._case = case
        self._settings = settings
        self._of_class: dict[str, list[Term]] = {}
        self._pupils: dict[tuple[str, date], list[str]] = {}

    @cached_property
    def given(self) -> set[tuple[str, str, str]]:
        """Pupil, subject and period of every mark that is given; a debt is none."""
        courses = self._case.view.courses
        return {
            (m.student, course.subject, m.period)
            for m in self._case.view.period_marks.values()
            if m.value is not None and m.meaning != "debt" and (course := courses.get(m.course))
            if m.kind in {None, "period", "year"}
        }

    def of_course(self, course: Course) -> Iterator[tuple[Term, list[str]]]:
        """The awaited terms in which a course has a lesson, each with the pupils who must be marked."""
        for group, members in self._classes(course):
            for term in self._terms(group):
                if self._fits(course, term):
                    pupils = self._enrolled(course.group, term.roster_day)
                    if members:
                        of_class = set(self._enrolled(members, term.roster_day))
                        pupils = [p for p in pupils if p in of_class]
                    yield term, pupils

    def _classes(self, course: Course) -> Iterator[tuple[str, str | None]]:
        """The class whose periods count; of a metagroup each class, for those of its pupils who belong to it."""
        view = self._case.view
        whole = view.class_of(course.group)
        if whole is None:
            return
        if whole.kind != "metagroup":
            yield whole.key, None
            return
        for group in view.groups.values():
            if group.kind in {"class", "study_group"}:
                yield group.key, group.key

    def _enrolled(self, group: str, day: date) -> list[str]:
        if (group, day) not in self._pupils:
            self._pupils[group, day] = self._case.view.pupils(group, day)
        return self._pupils[group, day]

    def _fits(self, course: Course, term: Term) -> bool:
        if course.period is not None and course.period != term.period.key:
            return False
        start, end, today = term.period.start or "", term.period.end or "", self._case.today.isoformat()
        lessons = self._case.view.lessons_of_course.get(course.key, ())
        return any(start <= x.date <= min(end, today) and x.status != "cancelled" for x in lessons)

    # -- which periods -------------------------------------------------------------------------------------------

    def _terms(self, group: str) -> list[Term]:
        if group not in self._of_class:
            found: list[Period] = []
            if "period" in self._settings.kinds:
                found += self._reporting(group)
            if "year" in self._settings.kinds and self._keeps_year_marks:
                found += self._yearly(group)
            level = self._case.view.groups[group].level
            self._of_class[group] = [t for p in found if (t := self._term(p, level))]
        return self._of_class[group]

    def _term(self, period: Period, level: int | None) -> Term | None:
        """The period as a term, if its marks are awaited by now."""
        case, settings = self._case, self._settings
        start, end = date.fromisoformat(period.start or ""), date.fromisoformat(period.end or "")
        if case.calendar and case.calendar.knows(end):
            end = case.calendar.last_school_day(start, end, level) or end
        due_at = case.day_is_over(end.isoformat()) + timedelta(days=settings.deadline_days)
        since = due_at
        if settings.last_days:
            since = min(due_at, datetime.combine(end - timedelta(days=settings.last_days - 1), time(), case.zone))
        if since > case.moment or not case.inside(since.date().isoformat()):
            return None
        return Term(period, since, due_at, min(date.fromisoformat(period.end or ""), case.today))

    def _reporting(self, group: str) -> list[Period]:
        """The reporting periods by which a class is marked.

        Where a portal says of several schedules (quarters and half-years) that they are for everybody, the calendar
        decides, else the marks that stand; if neither can, nothing is known, and nothing is demanded.
        """
        view, calendar = self._case.view, self._case.calendar
        found = view.periods_of_group(group)
        if calendar and (kinds := calendar.period_kinds(view.groups[group].level)):
            found = [p for p in found if p.kind in kinds] or found
        if _overlap(found):
            used = {p.kind for p in found if p.key in self._used.get(group, ())}
            found = [p for p in found if p.kind in used]
        return [] if _overlap(found) else found

    def _yearly(self, group: str) -> list[Period]:
        periods = self._case.view.periods.values()
        return [
            p for p in periods if p.kind == "year" and p.start and p.end and (p.groups is None or group in p.groups)
        ]

    @cached_property
    def _keeps_year_marks(self) -> bool:
        return any(m.kind == "year" for m in self._case.view.period_marks.values())

    @cached_property
    def _used(self) -> dict[str, set[str]]:
        """By class: the periods for which any mark stands."""
        view = self._case.view
        used: dict[str, set[str]] = defaultdict(set)
        for mark in view.period_marks.values():
            course = view.courses.get(mark.course)
            whole = view.class_of(course.group) if course else None
            if whole:
                used[whole.key].add(mark.period)
        return used


def _overlap(periods: Iterable[Period]) -> bool:
    ordered = sorted((p.start or "", p.end or "") for p in periods)
    return any(second[0] <= first[1] for first, second in pairwise(ordered))


def _missing(
    case: Case, settings: PeriodMarkSettings, term: Term, student: str, courses: Sequence[Course]
) -> Suspicion:
    """The suspicion that a pupil lacks a mark; it could stand on any of the courses, and is looked for on the first."""
    period, course = term.period, courses[0]
    year = period.academic_year or AcademicYear.of(date.fromisoformat(period.start or "")).name
    reads = [
        case.read_place("period_marks", Place(group=c.group, course=c.key, person=student, academic_year=year))
        for c in courses
    ]
    known = [r for r in reads if r is not None]
    read_at = min(known) if len(known) == len(reads) else None
    waiting = min(read_at or case.moment, case.moment) < term.due_at
    day = russian(term.due_at.date() - timedelta(days=1))
    what = "годовая отметка" if period.kind == "year" else "отметка за период"
    what += f" ещё не выставлена (срок — {day})" if waiting else f" не выставлена (срок был {day})"
    return Suspicion(
        about=(student, course.subject, period.key),
        ground=Ground.MISSING,
        message=f"{', '.join(filter(None, (period.name, case.where(course.key))))}: {what}",
        day=term.since.date().isoformat(),
        due_at=term.due_at,
        since=term.since,
        read_at=read_at,
        records=(("period_marks", "student", student),),
        severity=settings.last_days_severity if waiting else None,
        names=case.names(course.key),
        student=student,
        period=period.key,
    )


RULES: Final = (
    Rule(
        "period_mark.missing",
        "Отметка за период не выставлена",
        "У обучающегося нет отметки за период (четверть, полугодие, семестр, год): в последнюю неделю периода — напоминание, "
        "после неё — нарушение. Подходит любая запись: отметка, зачёт, «осв», «н/а».",
        ("period_marks.value", "periods.end"),
        PeriodMarkSettings,
        missing,
    ),
)

"""Marks of lessons: entered in time, none in grade 1, no «осв.» in physical education."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from pydantic import Field

from canonical.entities import Lesson, Mark, PeriodMark, Work
from canonical.text import tidy
from canonical.view import Place
from pipelines.completeness.case import Case, russian
from pipelines.completeness.fill import level_of
from pipelines.completeness.rule import Rule, RuleSettings
from pipelines.completeness.suspicion import Ground, Suspicion


class MarkLateSettings(RuleSettings):
    """A mark is due at the end of the lesson's day, or of the day on which its work was due, `days` are granted besides.

    Works of a control in `by_checking` are due at the end of the day on which their checking was finished; works of one in
    `own_terms` within `own_terms_days` after the lesson. Where that day, or those terms, are not known nothing is late.
    """

    days: int = Field(default=0, ge=0)
    by_checking: tuple[str, ...] = ()
    own_terms: tuple[str, ...] = ()
    own_terms_days: int | None = Field(default=None, ge=0)


class ExemptSettings(RuleSettings):
    """`subjects` are words by which the names of the subjects are known."""

    subjects: tuple[str, ...] = ("физическая культура", "физкультура", "физическое воспитание")


def late(case: Case, settings: MarkLateSettings) -> Iterator[Suspicion]:
    """Marks that were entered after their deadline, where the portal tells when. A debt is no mark yet."""
    view = case.view
    for lesson in case.lessons:
        for work in view.works_of_lesson.get(lesson.key, ()):
            due_at = _deadline(case, settings, lesson, work)
            if due_at is None:
                continue
            for mark in view.marks_of_work.get(work.key, ()):
                if mark.recorded_at is None or mark.meaning == "debt":
                    continue
                entered = datetime.fromisoformat(mark.recorded_at)
                if entered >= due_at:
                    last = russian(due_at.date() - timedelta(days=1))
                    what = f"отметка выставлена {russian(case.local(entered).date())}, срок был до конца дня {last}"
                    yield case.of_lesson(
                        lesson,
                        Ground.LATE,
                        what,
                        about=(mark.key,),
                        due_at=due_at,
                        done_at=entered,
                        student=mark.student,
                    )


def _deadline(case: Case, settings: MarkLateSettings, lesson: Lesson, work: Work) -> datetime | None:
    days = [d for d in (lesson.date, work.due_on) if d]
    granted = settings.days
    if work.control in settings.by_checking:
        if work.checked_on is None:
            return None
        days.append(work.checked_on)
    elif work.control in settings.own_terms:
        if settings.own_terms_days is None:
            return None
        granted = settings.own_terms_days
    elif work.control == "homework" and work.due_on is None:
        return None  # it is marked when it has been done, and nobody knows for when it was set
    return case.day_is_over(max(days)) + timedelta(days=granted)


def in_grade_one(case: Case, _settings: RuleSettings) -> Iterator[Suspicion]:
    """Marks of lessons and of periods in grade 1 of a school; a debt is no mark yet."""
    if not case.is_school:
        return
    first = {c for c in case.view.courses if level_of(case.view, c) == 1}
    yield from _wrong(case, first, "в 1 классе отметки не выставляются")


def exempt_entry(case: Case, settings: ExemptSettings) -> Iterator[Suspicion]:
    """Marks of lessons and of periods in physical education that say only that the pupil is exempt."""
    words = tuple(filter(None, ((tidy(s) or "").casefold() for s in settings.subjects)))
    courses = {c for c in case.view.courses if any(w in (case.subject_name(c) or "").casefold() for w in words)}
    yield from _wrong(case, courses, "запись «осв.» в журнал не вносится", {"exempt"})


def _wrong(case: Case, courses: set[str], what: str, meanings: set[str] | None = None) -> Iterator[Suspicion]:
    """Marks of courses that should not be there: those of some meanings, or all but debts."""
    view = case.view

    def counts(mark: Mark | PeriodMark) -> bool:
        return mark.value is not None and (mark.meaning in meanings if meanings else mark.meaning != "debt")

    for work in (w for w in view.works.values() if w.course in courses):
        for mark in view.marks_of_work.get(work.key, ()):
            if counts(mark):
                yield from _wrong_mark(case, work, mark, what)
    for course in sorted(courses):
        for given in view.period_marks_of_course.get(course, ()):
            if counts(given):
                yield from _wrong_period_mark(case, given, what)


def _wrong_mark(case: Case, work: Work, mark: Mark, what: str) -> Iterator[Suspicion]:
    lesson = case.view.lessons.get(work.lesson or "")
    if lesson and case.inside(lesson.date):
        yield case.of_lesson(
            lesson, Ground.WRONG, what, about=(mark.key,), student=mark.student,
            read_at=case.read_at("marks", lesson), records=(("marks", "key", mark.key),),
        )  # fmt: skip
    elif lesson is None:
        day = _own_day(case, mark.recorded_at) or work.checked_on or work.due_on
        if case.inside(day):
            yield _without_lesson(case, mark, work.course, "marks", day, what)


def _wrong_period_mark(case: Case, mark: PeriodMark, what: str) -> Iterator[Suspicion]:
    period = case.view.periods.get(mark.period)
    day = _own_day(case, mark.recorded_at) or (period.start if period else None)
    if case.inside(day):
        yield _without_lesson(case, mark, mark.course, "period_marks", day, what, mark.period)


def _without_lesson(
    case: Case, mark: Mark | PeriodMark, course: str, entity: str, day: str | None, what: str, period: str | None = None
) -> Suspicion:
    found, named = case.view.courses.get(course), case.view.periods.get(period or "")
    when = (named.name if named else None) or (russian(day) if day else None)
    place = Place(
        group=found.group if found else None,
        course=course,
        person=mark.student,
        academic_year=named.academic_year if named else None,
    )
    return Suspicion(
        about=(entity, mark.key),
        ground=Ground.WRONG,
        message=f"{', '.join(filter(None, (when, case.where(course))))}: {what}",
        day=day,
        read_at=case.read_place(entity, place),
        records=((entity, "key", mark.key),),
        names=case.names(course),
        student=mark.student,
        period=period,
    )


def _own_day(case: Case, instant: str | None) -> str | None:
    day: date | None = case.local(instant).date() if instant else None
    return day.isoformat() if day else None


RULES: Final = (
    Rule(
        "mark.late",
        "Отметка выставлена позже срока",
        "Портал сообщает, когда выставлена отметка, и это позже дня урока (для письменных работ — дня окончания проверки, "
        "если так требует акт). Исправить это уже нельзя: замечание остаётся, пока его не снимут.",
        ("marks.recorded_at",),
        MarkLateSettings,
        late,
    ),
    Rule(
        "mark.in_grade_one",
        "Отметка в 1 классе",
        "В 1 классе ведутся только темы, посещаемость и движение; отметок — ни за урок, ни за период — быть не должно.",
        ("groups.level", "marks.value"),
        RuleSettings,
        in_grade_one,
    ),
    Rule(
        "mark.exempt_entry",
        "Запись «осв.» по физической культуре",
        "Освобождённые от нагрузки аттестуются по теории; запись «осв.» в журнал не вносится.",
        ("marks.meaning",),
        ExemptSettings,
        exempt_entry,
    ),
)

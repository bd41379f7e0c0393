"""The journal of one institution as reports look at it: its classes, their pupils, subjects, marks and periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cached_property

from canonical.calendar import SchoolCalendar
from canonical.entities import Course, Group, Lesson, Mark, Period, PeriodMark, Person, Record, Work
from canonical.text import sort_key
from canonical.view import JournalView
from canonical.years import AcademicYear
from connectors.contract import Institution
from pipelines.reporting import spans
from pipelines.reporting.spans import Span


@dataclass(frozen=True, slots=True)
class Given:
    """A mark of the journal: in which subject, on which day, of which weight."""

    subject: str
    day: str
    mark: Mark
    weight: float


class Journal:
    """A journal, the moment at which it is looked at, and the academic year in which that lies."""

    def __init__(
        self,
        institution: Institution,
        view: JournalView,
        moment: datetime,
        year: AcademicYear,
        calendar: SchoolCalendar | None = None,
    ) -> None:
        self.institution = institution
        self.view = view
        self.moment = moment
        self.year = year
        self.calendar = calendar
        self.today: date = moment.astimezone(institution.zone).date()
        self._rosters: dict[tuple[str, str], frozenset[str]] = {}

    @property
    def zone(self) -> tzinfo:
        return self.institution.zone

    # -- people and groups ---------------------------------------------------------------------------------------

    @cached_property
    def classes(self) -> list[Group]:
        """Classes and study groups of the year that have pupils or courses, in the order of their names."""
        view = self.view
        found = [
            g
            for g in view.groups.values()
            if (g.kind in {"class", "study_group"} or (g.kind is None and g.parent is None))
            and g.academic_year in {None, self.year.name}
            and (g.key in view.courses_of_group or g.key in view.enrolments_of_group)
        ]
        return sorted(found, key=lambda g: (sort_key(g.name), g.key))

    def class_name(self, group: str) -> str:
        """`7А`; of a part of a class `7А, подгруппа 1`."""
        found = self.view.groups.get(group)
        own = (found.name if found else None) or group
        whole = self.view.class_of(group)
        name = (whole.name if whole else None) or own
        return own if name in own else f"{name}, {own}"

    def roster(self, group: str, day: str) -> frozenset[str]:
        """Keys of those enrolled in a group on a day (`YYYY-MM-DD`)."""
        if (group, day) not in self._rosters:
            self._rosters[group, day] = frozenset(self.view.pupils(group, date.fromisoformat(day)))
        return self._rosters[group, day]

    def pupils(self, group: str, day: date) -> list[str]:
        """Keys of those enrolled in a group on a day, in the order of their names."""
        return self.by_name(self.roster(group, day.isoformat()))

    def by_name(self, people: Iterable[str]) -> list[str]:
        """Keys of people in the order of their names."""
        return sorted(people, key=lambda p: (sort_key(self.person_name(p)), p))

    def person_name(self, key: str | None) -> str:
        """`Тестова Алиса Примеровна`; of somebody unknown nothing."""
        person = self.view.people.get(key or "")
        return _full_name(person) if person else ""

    def teachers(self, lesson: Lesson) -> tuple[str, ...]:
        """Keys of those who answer for a lesson: the one who held it, else the teachers of the course."""
        course = self.view.courses.get(lesson.course)
        known = (lesson.teacher,) if lesson.teacher else (course.teachers if course else None) or ()
        return tuple(self.by_name(t for t in known if t in self.view.people))

    # -- what is taught ------------------------------------------------------------------------------------------

    def subject(self, course: str) -> str:
        """The name of a course's subject. The same subject of several courses has the same name."""
        found = self.view.courses.get(course)
        subject = self.view.subjects.get(found.subject) if found else None
        return (subject.name or subject.short_name or subject.key) if subject else ""

    def courses_of_class(self, group: str) -> list[Course]:
        """The courses of a class, of its parts, and of metagroups to which pupils of it belong."""
        members = {e.person for e in self.view.enrolments_of_group.get(group, ())}
        keys = [group]
        for key in keys:
            keys += [part.key for part in self.view.parts_of_group.get(key, ())]
        keys += [
            m for m in self._metagroups if any(e.person in members for e in self.view.enrolments_of_group.get(m, ()))
        ]
        return [c for key in keys for c in self.view.courses_of_group.get(key, ())]

    @cached_property
    def _metagroups(self) -> list[str]:
        return sorted(g.key for g in self.view.groups.values() if g.kind == "metagroup")

    # -- marks ---------------------------------------------------------------------------------------------------

    @cached_property
    def given(self) -> dict[str, list[Given]]:
        """The marks of each pupil whose day is known. A work without a weight weighs 1."""
        found: dict[str, list[Given]] = defaultdict(list)
        for mark in self.view.marks.values():
            work = self.view.works.get(mark.work)
            day = self._day(work, mark) if work else None
            if work and day:
                weight = 1.0 if work.weight is None else max(0.0, float(work.weight))
                found[mark.student].append(Given(self.subject(work.course), day, mark, weight))
        return dict(found)

    def _day(self, work: Work, mark: Mark) -> str | None:
        lesson = self.view.lessons.get(work.lesson or "")
        if lesson:
            return lesson.date
        if work.checked_on or work.due_on:
            return work.checked_on or work.due_on
        if mark.recorded_at is None:
            return None
        return datetime.fromisoformat(mark.recorded_at).astimezone(self.zone).date().isoformat()

    @cached_property
    def period_marks(self) -> dict[str, list[PeriodMark]]:
        """The period marks of each pupil, in the order of their keys."""
        found: dict[str, list[PeriodMark]] = defaultdict(list)
        for mark in sorted(self.view.period_marks.values(), key=lambda m: m.key):
            found[mark.student].append(mark)
        return dict(found)

    def tells(self, entity: str, rows: Iterable[Record]) -> bool:
        """Whether the journal has anything to say about an entity: its source can, and something of it was read."""
        can = self.view.can_say(entity)
        return any(True for _ in rows) or (can and self.view.coverage.knows(entity))

    def tells_of_lessons(self, field: str) -> bool:
        """Whether any lesson has something in a field whose emptiness means that the source does not know."""
        can = self.view.can_say("lessons", field)
        return can and any(getattr(x, field) is not None for x in self.view.lessons.values())

    # -- time ----------------------------------------------------------------------------------------------------

    def periods(self, group: str) -> list[Period]:
        """The periods of a group in the year, of kind `year` too."""
        return spans.in_order(p for p in self.periods_of_year if p.groups is None or group in p.groups)

    @cached_property
    def periods_of_year(self) -> list[Period]:
        """The periods of the academic year, in no order."""
        first, last = self.year.start.isoformat(), self.year.end.isoformat()
        return [
            p
            for p in self.view.periods.values()
            if p.academic_year == self.year.name
            or (p.academic_year is None and (p.start is None or first <= p.start <= last))
        ]

    def spans(self, group: str) -> list[Span]:
        """The reporting periods of a group that have dates, in the order of time."""
        made = (self.span_of(p) for p in self.periods(group) if p.kind != "year")
        return [s for s in made if s]

    def span_of(self, period: Period) -> Span | None:
        """The span of a reporting period; null: the source tells no dates."""
        return spans.of_period(period, self.periods_of_year)

    def year_span(self, group: str) -> Span:
        """The study year of a group."""
        periods = self.periods(group)
        yearly = [p for p in self.periods_of_year if p.kind == "year"]
        own = [p for p in periods if p.kind == "year"]
        span = spans.of_year(self.year, own, [p for p in periods if p.kind != "year"])
        return Span(span.name, span.kind, span.start, span.end, frozenset(p.key for p in yearly))

    def current_span(self, group: str) -> Span:
        """The reporting period of a group by date; of one without periods the study year."""
        pupils = self.view.enrolments_of_group.get(group, ())
        marked = frozenset(m.period for e in pupils for m in self.period_marks.get(e.person, ()))
        return spans.current(self.spans(group), self.today, marked) or self.year_span(group)

    def lessons(self, courses: Iterable[Course], span: Span) -> Iterator[Lesson]:
        """The lessons of courses in a span, up to today, the cancelled ones left out."""
        until = min(span.end, self.today).isoformat()
        for course in courses:
            for lesson in self.view.lessons_of_course.get(course.key, ()):
                if span.holds(lesson.date) and lesson.date <= until and lesson.status != "cancelled":
                    yield lesson


def _full_name(person: Person) -> str:
    return " ".join(filter(None, (person.family_name, person.given_name, person.patronymic)))

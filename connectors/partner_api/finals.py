"""Makes canonical records of marks of periods: quarter, year, exam and final ones (portal facts, section 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import PeriodMark, Record
from canonical.scales import Scale
from connectors.http import Answer
from connectors.partner_api import wire
from connectors.partner_api.journal import instant, meaning_of, shown
from connectors.partner_api.mapper import ClassPeriods, Pair, begun, course, course_key, items_of
from connectors.partner_api.wire import id_of
from connectors.wire import Words, note_drift, reason

_BY_WORK: Final = MappingProxyType({"Exam": "exam", "PeriodFinalMark": "final"})
"""A work's type -> the kind of the marks of the year that it holds; other works hold the year's own."""


@dataclass(frozen=True, slots=True)
class Register:
    """What a class's marks of periods are placed by.

    `in_year` are the final marks of what academic year, `periods` those of the class; `members` says who is (true) or was (false) in the class, its
    subgroups and the metagroups; `courses` are known by their lessons, `teachers` by memberships. `unknown` are people
    who stand on no list of the school's: their marks wait, and no course is made for them; `only_here` those who surely
    are and were in no other class.
    """

    zone: ZoneInfo
    scale: Scale
    group: str
    family: tuple[str, ...]
    in_year: str
    periods: ClassPeriods
    members: Mapping[str, Mapping[str, bool]]
    courses: frozenset[Pair]
    teachers: Mapping[Pair, tuple[str, ...]]
    work_types: Mapping[str, wire.WorkType]
    unknown: frozenset[str]
    only_here: frozenset[str]

    @property
    def year(self) -> str:
        """The key of the class's period of kind `year`."""
        return self.periods.year

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Everything that the marks are placed by, the same in every process."""
        members = sorted((group, sorted(people.items())) for group, people in self.members.items())
        periods = (*self.periods[:2], sorted(self.periods.in_order.items(), key=repr))
        known = (
            sorted(self.courses),
            sorted(self.teachers.items()),
            sorted(self.unknown),
            sorted(self.only_here),
            self.work_types,
        )
        return (self.group, self.family, self.in_year, periods, members, *known)

    def course_of(self, person: str, subject: str) -> Pair:
        """The pupil's course in a subject; of several the class's own; if there is none, one of the class."""
        groups = [g for g, people in self.members.items() if person in people]
        groups.sort(key=lambda g: (g != self.group, not self.members[g][person], g))
        for known in (self.courses, self.teachers):
            for group in groups:
                if (group, subject) in known:
                    return group, subject
        return self.group, subject


def has_year_marks(finals: Answer) -> bool:
    """Whether there are marks of the year among the final marks of a class."""
    return any(isinstance(i, Mapping) and id_of(i, "reportingPeriod") is None for i in items_of(finals))


def people_in(finals: Answer) -> frozenset[str]:
    """Whom the final marks of a class are of."""
    return frozenset(key for item in items_of(finals) if (key := id_of(item, "person")))


@dataclass(frozen=True, slots=True)
class Finals:
    """What was answered about a class's marks of periods.

    `of_class` is null where it was refused: then `of_pupils`, all final marks of some `persons`, are all that there is.
    Else these only tell exams from years.
    """

    of_class: Answer | None
    of_pupils: tuple[Answer, ...]
    persons: tuple[str, ...] = ()

    @property
    def answers(self) -> tuple[Answer, ...]:
        return ((self.of_class,) if self.of_class else ()) + self.of_pupils


def finals_batch(register: Register, finals: Finals, apart: frozenset[str], *, covers_courses: bool) -> Batch:
    """The batch of one class, without the marks of the groups that are read `apart`."""
    batch = begun(finals.answers)
    lacking = fill(batch, register, finals, lambda group: group not in apart or finals.of_class is None)
    if finals.of_class is None:
        for person in () if None in lacking else finals.persons:
            if person in lacking or person not in register.only_here:
                continue
            year = register.in_year
            batch.covers(Scope("period_marks", Selector.PERSON, person, Axis.ACADEMIC_YEAR, year, year))
        return batch
    for group in register.family:
        batch.covers(Scope("period_marks", Selector.GROUP, group))
        if covers_courses:
            batch.covers(Scope("courses", Selector.GROUP, group))
    return batch


def fill(batch: Batch, register: Register, finals: Finals, wanted: Callable[[str], bool]) -> set[str | None]:
    """Adds a class's marks of periods: those of the courses of wanted groups. Gives those of whom a mark has no place.

    Marks of quarters and the like are taken from single pupils only where the class's are refused: it is a place in a
    list that says their period (section 5.5).
    """
    table = _Table(register, batch, wanted)
    for answer in finals.of_pupils:
        table.learn(answer)
    if finals.of_class:
        table.take_class(finals.of_class)
    for answer in finals.of_pupils:
        table.take_pupil(answer, periods=finals.of_class is None)
    return table.lacking


class _Table:
    """The marks of periods of one class, each key once."""

    def __init__(self, register: Register, batch: Batch, wanted: Callable[[str], bool]) -> None:
        self.register = register
        self.batch = batch
        self.wanted = wanted
        self.works: dict[str, wire.Work] = {}
        self.seen: set[str] = set()
        self.made: set[Pair] = set()
        self.lacking: set[str | None] = set()
        self.rows: list[Record] = []

    def learn(self, answer: Answer) -> None:
        """Takes note of the works that hold a pupil's final marks."""
        for item in _part(answer, "works"):
            try:
                work = wire.Work.model_validate(item)
            except ValidationError:
                continue  # a mark without its work is passed over, as the portal's own pages do
            self.works[work.id] = work

    def take_class(self, answer: Answer) -> None:
        """The final marks of the whole class."""
        for item in items_of(answer):
            self._take_person(item, answer.origin)
        self._hand_over(answer.origin)

    def _take_person(self, item: Any, origin: Origin) -> None:
        """A pupil's marks of one period, or of the year."""
        try:
            one = wire.FinalsOfPerson.model_validate(item)
        except ValidationError as error:
            self.batch.reject("period_marks", reason(error), item, origin=origin)
            return
        note_drift(one, self.batch)
        for inner in one.subjects:
            self._take_subject(one, inner, origin)

    def _take_subject(self, one: wire.FinalsOfPerson, item: Any, origin: Origin) -> None:
        raw = item.get("final-mark") if isinstance(item, Mapping) else None
        kind = "period" if one.period else self._kind_in_year(id_of(raw, "work"), id_of(raw, "workType"))
        period = one.period or self.register.year
        try:
            final = wire.FinalOfSubject.model_validate(item)
        except ValidationError as error:
            subject = id_of(item, "subject")
            key = _key(one.person, subject, period, kind) if subject else None
            self.batch.reject("period_marks", reason(error), item, key=key, origin=origin)
            return
        note_drift(final, self.batch)
        if final.mark:
            self._add(one.person, final.subject, period, kind, final.mark)

    def take_pupil(self, answer: Answer, *, periods: bool) -> None:
        """All final marks of one pupil: those of the year, and if wanted those of `periods`."""
        for item in _part(answer, "marks"):
            work = self.works.get(id_of(item, "work") or "")
            if work is None or work.subject is None:
                self.lacking.add(id_of(item, "person"))
                continue
            kind, period = self._kind_of(work), self.register.year
            if kind is None:
                kind, place = "period", self._period_of(work)
                if not periods or place is None:
                    self.lacking.add(id_of(item, "person"))
                    continue
                period = place
            try:
                mark = wire.AnyMark.model_validate(item)
            except ValidationError as error:
                person = id_of(item, "person")
                key = _key(person, work.subject, period, kind) if person else None
                if key is None or key not in self.seen:
                    self.batch.reject("period_marks", reason(error), item, key=key, origin=answer.origin)
                continue
            note_drift(mark, self.batch)
            if _key(mark.person, work.subject, period, kind) not in self.seen:
                self._add(mark.person, work.subject, period, kind, mark)
            elif kind == "period":
                self.lacking.add(mark.person)  # two marks in one place: their periods are not what they seem
        self._hand_over(answer.origin)

    def _kind_in_year(self, work: str | None, work_type: str | None) -> str:
        known = self.works.get(work or "")
        by_type = self.register.work_types.get(work_type or "")
        return (known and self._kind_of(known)) or _BY_WORK.get((by_type and by_type.kind) or "", "year")

    def _kind_of(self, work: wire.Work) -> str | None:
        """Which mark of the year a work holds; null if it is of a shorter period."""
        if work.type == "Exam":
            return "exam"
        if work.period_type not in {None, "", "NotSet", "Year"}:
            return None
        if work.type == "PeriodFinalMark":
            return "final"
        return "year" if work.period_type == "Year" else None

    def _period_of(self, work: wire.Work) -> str | None:
        """The period of a work, by its place from 0 among the class's periods of its type."""
        keys = self.register.periods.in_order.get(work.period_type, ())
        number = work.period_number
        return keys[number] if number is not None and 0 <= number < len(keys) else None

    def _hand_over(self, origin: Origin) -> None:
        self.batch.add(self.rows, origin)
        self.rows.clear()

    def _add(self, person: str, subject: str, period: str, kind: str, mark: wire.AnyMark) -> None:
        key = _key(person, subject, period, kind)
        self.seen.add(key)
        register = self.register
        pair = register.course_of(person, subject)
        if not self.wanted(pair[0]):
            return
        if pair not in register.courses and pair not in self.made and person not in register.unknown:
            self.made.add(pair)
            self.rows.append(course(pair, register.teachers))
        words = Words(self.batch, "Mark")
        value = shown(mark)
        record = PeriodMark(
            key=key,
            student=person,
            course=course_key(*pair),
            period=period,
            kind=kind,
            value=value,
            grade=register.scale.grade(value),
            meaning=meaning_of(mark, register.scale, words),
            recorded_at=instant(mark.date, register.zone),
            raw=words.raw,
        )
        self.rows.append(record)


def _key(person: str, subject: str, period: str, kind: str) -> str:
    return f"{person}:{subject}:{period}:{kind}"


def _part(answer: Answer, name: str) -> Iterable[Any]:
    body = answer.json()
    part = body.get(name) if isinstance(body, dict) else None
    return part if isinstance(part, list) else []

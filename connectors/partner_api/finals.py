"""Makes canonical records of marks of periods: quarter, year, exam and final ones (portal facts, section 5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from canonical.batch import Batch, Origin
from canonical.coverage import Scope, Selector
from canonical.entities import PeriodMark, Record
from canonical.scales import Scale
from connectors.http import Answer
from connectors.partner_api import wire
from connectors.partner_api.journal import instant, meaning_of, shown
from connectors.partner_api.mapper import Pair, begun, course, course_key, items_of
from connectors.partner_api.wire import id_of
from connectors.wire import Words, note_drift, reason

_BY_WORK: Final = MappingProxyType({"Exam": "exam", "PeriodFinalMark": "final"})
"""A work's type -> the kind of the marks of the year that it holds; other works hold the year's own."""


@dataclass(frozen=True, slots=True)
class Register:
    """What a class's marks of periods are placed by.

    `year` is the key of its period of kind `year`; `members` says who is (true) or was (false) in the class, its
    subgroups and the metagroups; `courses` are known by their lessons, `teachers` by memberships. `unknown` are people
    who stand on no list of the school's: their marks wait, and no course is made for them.
    """

    zone: ZoneInfo
    scale: Scale
    group: str
    family: tuple[str, ...]
    year: str
    members: Mapping[str, Mapping[str, bool]]
    courses: frozenset[Pair]
    teachers: Mapping[Pair, tuple[str, ...]]
    work_types: Mapping[str, wire.WorkType]
    unknown: frozenset[str]

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


def finals_batch(register: Register, finals: Answer, of_pupils: Sequence[Answer], *, covers_courses: bool) -> Batch:
    """The batch of one class. `of_pupils` are all final marks pupil by pupil: they alone tell exams from years.

    Marks of quarters and the like are taken from `finals` only: elsewhere their period is not to be trusted.
    """
    batch = begun((finals, *of_pupils))
    table = _Table(register, batch)
    for answer in of_pupils:
        table.learn(answer)
    table.take_class(finals)
    for answer in of_pupils:
        table.take_pupil(answer)
    for group in register.family:
        batch.covers(Scope("period_marks", Selector.GROUP, group))
        if covers_courses:
            batch.covers(Scope("courses", Selector.GROUP, group))
    return batch


class _Table:
    """The marks of periods of one class, each key once."""

    def __init__(self, register: Register, batch: Batch) -> None:
        self.register = register
        self.batch = batch
        self.works: dict[str, wire.Work] = {}
        self.seen: set[str] = set()
        self.made: set[Pair] = set()
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

    def take_pupil(self, answer: Answer) -> None:
        """All final marks of one pupil; those of the year are taken."""
        for item in _part(answer, "marks"):
            work = self.works.get(id_of(item, "work") or "")
            kind = self._kind_of(work) if work else None
            if work is None or kind is None or work.subject is None:
                continue
            try:
                mark = wire.AnyMark.model_validate(item)
            except ValidationError as error:
                person = id_of(item, "person")
                key = _key(person, work.subject, self.register.year, kind) if person else None
                if key is None or key not in self.seen:
                    self.batch.reject("period_marks", reason(error), item, key=key, origin=answer.origin)
                continue
            note_drift(mark, self.batch)
            if _key(mark.person, work.subject, self.register.year, kind) not in self.seen:
                self._add(mark.person, work.subject, self.register.year, kind, mark)
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

    def _hand_over(self, origin: Origin) -> None:
        self.batch.add(self.rows, origin)
        self.rows.clear()

    def _add(self, person: str, subject: str, period: str, kind: str, mark: wire.AnyMark) -> None:
        key = _key(person, subject, period, kind)
        self.seen.add(key)
        register = self.register
        pair = register.course_of(person, subject)
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

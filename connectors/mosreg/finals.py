"""Marks of periods and of the year, which the portal keeps inside the pupils (facts B4.2). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Course, PeriodMark, Record, Subject
from canonical.scales import Scale
from connectors.mosreg.periods import Calendar
from connectors.mosreg.school import Place, School, by_number
from connectors.mosreg.values import grade_and_meaning
from connectors.mosreg.wire import FinalMark, Pupil
from connectors.wire import Words, plain_key, read_each

_KINDS: Final[Mapping[str, str | None]] = MappingProxyType(
    {"attestation": "period", "intermediate_attestation": "exam", "final": "final", "final_attestation": "exam"}
)
"""`mark_type` -> kind, for marks that are not year marks (B7)."""


@dataclass(slots=True)
class _Made:
    """The records of one class, each with the pupil's answer, and what could not be read."""

    records: list[tuple[Record, Origin]] = field(default_factory=list)
    problems: Batch = field(default_factory=Batch)


class Finals:
    """The period marks of all pupils. A mark belongs to the pupil's course in its subject (canonical.md)."""

    def __init__(self, school: School, calendar: Calendar, scale: Scale) -> None:
        self._school = school
        self._calendar = calendar
        self._scale = scale
        self._by_class: dict[str | None, _Made] = {}

    @property
    def is_whole(self) -> bool:
        """Whether every mark of every pupil could be read."""
        return not any(self._of_class(c).problems.rejects for c in self._school.pupils)

    def batch(self, class_unit: str | None) -> Batch:
        """The marks of the pupils of a class unit, with the courses that had to be made for them."""
        made = Batch()
        found = self._of_class(class_unit)
        made.rejects.extend(found.problems.rejects)
        made.drift.update(found.problems.drift)
        for record, origin in found.records:
            made.add([record], origin)
        name = self._school.academic_year
        for pupil, _ in self._school.pupils[class_unit].items:
            made.covers(Scope("period_marks", Selector.PERSON, pupil.id, Axis.ACADEMIC_YEAR, name, name))
        return made

    def _of_class(self, class_unit: str | None) -> _Made:
        if class_unit not in self._by_class:
            made = _Made()
            for pupil, origin in self._school.pupils[class_unit].items:
                home = self._school.class_of(pupil, class_unit)
                made.records += [(r, origin) for r in self._of_pupil(pupil, home, origin, made.problems)]
            self._by_class[class_unit] = made
        return self._by_class[class_unit]

    def _of_pupil(self, pupil: Pupil, home: str | None, origin: Origin, problems: Batch) -> Iterator[Record]:
        """The marks of a pupil whose class unit is `home`."""

        def key(item: Any) -> str | None:
            return self._salvaged_key(pupil.id, item)

        for mark in read_each(pupil.final_marks, FinalMark, problems, entity="period_marks", key=key, origin=origin):
            value = mark.shown
            if mark.no_mark or value is None:
                continue
            words = Words(problems, "FinalMark")
            kind = "year" if mark.is_year else words.of("kind", mark.mark_type or "attestation", _KINDS)
            course = self._course(pupil, home, mark.subject_id)
            schedule = course.schedule if isinstance(course, Place) else None
            period = mark.period
            if kind in {"year", "exam", "final"} and not self._calendar.is_year(period):
                period = self._calendar.year_of(schedule)
            number = f"{pupil.id}:{mark.subject_id}:{period}:{kind or mark.mark_type}"
            if period is None or course is None:
                lacking = "attestation_period_id" if period is None else "class_unit of the pupil"
                problems.reject("period_marks", f"{lacking}: required, but empty", mark.model_dump(), origin=origin)
                continue
            if isinstance(course, Course):
                yield from self._making(course)
            grade, meaning = (None, "debt") if mark.academic_debt else grade_and_meaning(value, self._scale)
            yield PeriodMark(
                key=number,
                student=pupil.id,
                course=course.course if isinstance(course, Place) else course.key,
                period=period,
                kind=kind,
                value=value,
                grade=grade,
                meaning=meaning,
                raw=words.raw,
            )

    def _salvaged_key(self, student: str, item: Any) -> str | None:
        """The key of a broken mark, where it can still be told."""
        subject = plain_key(item, "subject_id")
        if subject is None:
            return None
        is_year = item.get("is_year_mark") or item.get("year_mark")
        kind = "year" if is_year else _KINDS.get(str(item.get("mark_type") or "attestation"))
        period = plain_key(item, "attestation_period_id", "period_id")
        if kind != "period" and not self._calendar.is_year(period):
            period = self._calendar.year_of(None)
        return f"{student}:{subject}:{period}:{kind}" if kind and period else None

    # -- whose course it is --------------------------------------------------------------------------------------

    def _course(self, pupil: Pupil, home: str | None, subject: str) -> Place | Course | None:
        """The pupil's course in a subject; of several the class's own; if there is none one that is made."""
        in_subject = self._by_subject.get(subject, ())
        own = [p for p in in_subject if pupil.id in p.students] or [
            p for p in in_subject if p.course in self._school.memberships.get(pupil.id, frozenset())
        ]
        whole = [p for p in in_subject if p.kind == "class" and p.class_unit == home and home is not None]
        for some in ([p for p in own if p in whole], own, whole):
            if some:
                return min(some, key=lambda p: by_number(p.course))
        return Course(key=f"{home}:{subject}", group=home, subject=subject) if home is not None else None

    @cached_property
    def _by_subject(self) -> Mapping[str, tuple[Place, ...]]:
        found: dict[str, list[Place]] = defaultdict(list)
        for place in self._school.places.values():
            if place.subject is not None:
                found[place.subject].append(place)
        return {s: tuple(places) for s, places in found.items()}

    def _making(self, course: Course) -> Iterator[Record]:
        """A course that is made, with its subject where no group has it.

        While a group stands in the list that cannot even be told, its course may be the one: then the mark waits.
        """
        if not self._school.groups.has_keys:
            return
        if course.subject not in self._by_subject:
            yield Subject(key=course.subject)
        yield course

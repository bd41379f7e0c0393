"""The school as a whole: its classes, groups and people, and how they belong together. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from canonical.batch import Origin
from connectors.mosreg.client import Listing
from connectors.mosreg.reading import Read, read, salvaged
from connectors.mosreg.wire import AcademicYear, ClassUnit, Group, PeriodsSchedule, Pupil, Teacher
from connectors.wire import plain_key

NONE: Final = "-"
"""Stands in a key where there is nothing."""


@dataclass(frozen=True, slots=True)
class SchoolAnswers:
    """What was asked of the school as a whole.

    `pupils` is class unit -> its pupils, `others` are pupils that stand in groups and in no class. `is_complete` is false
    where classes, groups or pupils could not all be read: a class of whose pupils that is true is missing in `pupils`.
    `has_schedules` says that `schedules` are all that the portal has.
    """

    school: str
    year: str
    years: Listing
    staff: Listing
    classes: Listing
    groups: Listing
    schedules: Listing
    pupils: Mapping[str, Listing]
    others: Listing
    is_complete: bool
    has_schedules: bool


class Place(NamedTuple):
    """Where a group of the portal stands in the canonical journal: `course` is its own key, `group` that of whom it teaches.

    `bucket` is the class unit or, as `level:7`, the grade with which its lessons are read. `is_broken` says that the
    portal's item is malformed, so that parts of this may be unknown.
    """

    course: str
    group: str
    kind: str
    parent: str | None
    class_unit: str | None
    subject: str | None
    schedule: str | None
    students: frozenset[str]
    bucket: str
    is_broken: bool


class School:
    """What the answers hold, read once. `academic_year` is the canonical name, `2026/2027`."""

    def __init__(self, answers: SchoolAnswers, academic_year: str) -> None:
        self.answers = answers
        self.academic_year = academic_year

    # -- what was read -------------------------------------------------------------------------------------------

    @cached_property
    def years(self) -> Read[AcademicYear]:
        return read(self.answers.years, AcademicYear, entity="periods")

    @cached_property
    def year(self) -> tuple[AcademicYear, Origin]:
        """The academic year that is read; of a broken one no more than its id."""
        for year, origin in self.years.items:
            if year.id == self.answers.year:
                return year, origin
        return AcademicYear.model_validate({"id": self.answers.year}), self.answers.years.answers[0].origin

    @cached_property
    def staff(self) -> Read[Teacher]:
        return read(self.answers.staff, Teacher, entity="people")

    @cached_property
    def classes(self) -> Read[ClassUnit]:
        return self._of_the_school(read(self.answers.classes, ClassUnit, entity="groups"))

    @cached_property
    def groups(self) -> Read[Group]:
        return self._of_the_school(read(self.answers.groups, Group, entity="courses"))

    @cached_property
    def schedules(self) -> Read[PeriodsSchedule]:
        return read(self.answers.schedules, PeriodsSchedule, entity="periods")

    @cached_property
    def pupils(self) -> Mapping[str | None, Read[Pupil]]:
        """Pupils by the class unit that they were asked for; those of no class by null."""
        listings: list[tuple[str | None, Listing]] = [*self.answers.pupils.items(), (None, self.answers.others)]
        hides = ("enrolments", "period_marks")
        return {c: read(one, Pupil, entity="people", hides=hides) for c, one in listings}

    def _of_the_school(self, some: Read[Any]) -> Read[Any]:
        """Without the items of another school, which some accounts see besides."""
        items = tuple(i for i in some.items if i[0].school_id in {None, self.answers.school})
        return Read(items, some.problems)

    # -- how it belongs together ---------------------------------------------------------------------------------

    @cached_property
    def class_units(self) -> frozenset[str]:
        """The ids of the year's class units, broken ones included."""
        broken = (r.key for r in self.classes.rejects if r.key)
        return frozenset([c.id for c, _ in self.classes.items]).union(broken)

    @cached_property
    def members(self) -> Mapping[str, frozenset[str]]:
        """Class unit -> the pupils who belong to it now, for the classes whose pupils were read."""
        found: dict[str, set[str]] = {c: set() for c in self.answers.pupils}
        for asked, pupil in self._every_pupil():
            class_unit = self.class_of(pupil, asked)
            if class_unit in found and not self.has_left(pupil):
                found[class_unit].add(pupil.id)
        return {c: frozenset(ids) for c, ids in found.items()}

    def _every_pupil(self) -> Iterator[tuple[str | None, Pupil]]:
        """All pupils with the class unit that they were asked for; of a broken one what could be read."""
        for asked, some in self.pupils.items():
            yield from ((asked, pupil) for pupil, _ in some.items)
            for reject in some.rejects:
                if reject.key:
                    good = salvaged(reject.raw, Pupil, {"id": reject.key})
                    yield asked, Pupil.model_construct(**{"id": reject.key, "groups": [], **good})

    def class_of(self, pupil: Pupil, asked: str | None) -> str | None:
        """The class unit of a pupil who came in the list of a class unit."""
        return pupil.class_unit.id if pupil.class_unit else asked

    def came_from(self, pupil: Pupil, asked: str | None) -> str | None:
        """The class unit of this year from which a pupil has moved. That of the last year is no move."""
        before = pupil.previously_class_unit.id if pupil.previously_class_unit else None
        return before if before in self.class_units and before != self.class_of(pupil, asked) else None

    def has_left(self, pupil: Pupil) -> bool:
        """Whether a pupil has left the school; one who moved to another class has not."""
        return pupil.deleted or (pupil.transferred and self.came_from(pupil, None) is None)

    @cached_property
    def memberships(self) -> Mapping[str, frozenset[str]]:
        """Pupil -> the groups that stand in the pupil's own profile, archived ones included."""
        return {pupil.id: frozenset(g.id for g in pupil.groups) for _, pupil in self._every_pupil()}

    @cached_property
    def fingerprint(self) -> str:
        """A text that changes when a group comes to stand elsewhere."""
        places = [(p[:-3], sorted(p.students), p.is_broken) for _, p in sorted(self.places.items())]
        return hashlib.sha256(repr(places).encode()).hexdigest()

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Every group of the portal by its id; of a broken one what could be read."""
        made = {g.id: self._place(g.id, g.__dict__) for g, _ in self.groups.items}
        for reject in self.groups.rejects:
            if reject.key and reject.key not in made:
                fields = salvaged(reject.raw, Group, {"id": reject.key, "subject_id": NONE})
                if fields.get("school_id") in {None, self.answers.school}:
                    made[reject.key] = self._place(reject.key, fields, is_broken=True)
        return made

    def _place(self, key: str, group: Mapping[str, Any], *, is_broken: bool = False) -> Place:
        units = dict.fromkeys([*([group["class_unit_id"]] if group.get("class_unit_id") else []), *_ids(group)])
        students = self._students(key, group)
        is_meta = group.get("is_metagroup") or len(units) != 1
        class_unit = None if is_meta else next(iter(units))
        kind, parent, own = "class", None, class_unit or NONE
        if is_meta:
            kind, own = "metagroup", f"{NONE}:{key}"
        elif group.get("is_subgroup") or self._is_part(students, class_unit):
            kind, parent, own = "subgroup", class_unit, f"{class_unit}:{key}"
        known = sorted((u for u in units if u in self.class_units), key=by_number)
        bucket = known[0] if known else f"level:{group.get('class_level_id') or NONE}"
        schedule = group.get("attestation_periods_schedule_id")
        return Place(key, own, kind, parent, class_unit, group.get("subject_id"), schedule, students, bucket, is_broken)

    def _students(self, key: str, group: Mapping[str, Any]) -> frozenset[str]:
        """Who belongs to a group: those it names, or else those who name it."""
        named = group.get("student_ids")
        if named is not None:
            return frozenset(named)
        return frozenset(p for p, groups in self.memberships.items() if key in groups)

    def _is_part(self, students: frozenset[str], class_unit: str | None) -> bool:
        """Whether pupils are a part of their class and not the whole of it."""
        members = self.members.get(class_unit or "", frozenset())
        return bool(students) and students & members < members

    def buckets(self) -> Mapping[str, tuple[str, ...]]:
        """The groups whose lessons are read together: those of a class with its parts, or those of a grade."""
        found: dict[str, list[str]] = {}
        for key, place in self.places.items():
            found.setdefault(place.bucket, []).append(key)
        return {b: tuple(sorted(found[b], key=by_number)) for b in sorted(found, key=by_number)}

    # -- people --------------------------------------------------------------------------------------------------

    @cached_property
    def listed_staff(self) -> frozenset[str]:
        """The ids that stand in the staff list, broken entries included."""
        return frozenset(self.answers.staff.ids())

    def teachers_of_groups(self) -> Iterator[tuple[Teacher, Origin]]:
        """Teachers whom groups name and the staff list does not, each once."""
        seen = set(self.listed_staff)
        for group, origin in self.groups.items:
            for teacher in group.teachers:
                if teacher.id not in seen:
                    seen.add(teacher.id)
                    yield teacher, origin

    @cached_property
    def known_staff(self) -> frozenset[str]:
        """All teachers whom the staff list or a group names."""
        return self.listed_staff.union(t.id for t, _ in self.teachers_of_groups())

    @cached_property
    def curators(self) -> Mapping[str, str]:
        """Class unit -> its class teacher, as the staff list has it, else as the pupils' mentors are."""
        found: dict[str, set[str]] = {}
        for asked, some in self.pupils.items():
            for pupil, _ in some.items:
                class_unit = self.class_of(pupil, asked)
                mentors = {m.id for m in pupil.mentors if m.id in self.known_staff}
                if class_unit and mentors and not self.has_left(pupil):
                    found.setdefault(class_unit, set()).update(mentors)
        listed: dict[str, set[str]] = {}
        for teacher, _ in self.staff.items:
            for class_unit in teacher.mentor_class_unit_ids or ():
                listed.setdefault(class_unit, set()).add(teacher.id)
        return {c: min(ids, key=by_number) for c, ids in (found | listed).items()}


def _ids(group: Mapping[str, Any]) -> list[str]:
    units: list[str] = group.get("class_unit_ids") or []
    return units


def by_number(key: str) -> tuple[int, str]:
    """Sorts ids as numbers, and what is none after them."""
    return (int(key), "") if key.isdigit() else (1 << 62, key)


def missing_pupils(groups: Listing, pupils: Mapping[str, Listing], school: str) -> list[str]:
    """Ids that stand in groups of the school and in no class that was read."""
    seen = {i for one in pupils.values() for i in one.ids()}
    named = (i for group in groups.items() if _is_of(group, school) for i in _named(group.get("student_ids")))
    return sorted({i for i in named if i not in seen}, key=by_number)


def _is_of(group: Any, school: str) -> bool:
    return isinstance(group, dict) and plain_key(group, "school_id") in {None, school}


def _named(ids: Any) -> Iterator[str]:
    for value in ids if isinstance(ids, list) else ():
        if (number := plain_key({"id": value}, "id")) is not None:
            yield number

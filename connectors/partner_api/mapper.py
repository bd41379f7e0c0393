"""Makes canonical records of what the partner API says about a school: people, groups, subjects, periods, courses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from canonical.batch import Batch, Drift, Origin
from canonical.coverage import Axis, Scope
from canonical.entities import Course, Group, Period, Subject
from canonical.years import AcademicYear
from connectors.http import Answer
from connectors.partner_api import wire
from connectors.partner_api.wire import id_of
from connectors.wire import Words, as_list, note_drift, read_each

PERIOD_KINDS: Final = MappingProxyType(
    {
        "Quarter": "quarter",
        "Trimester": "trimester",
        "HalfYear": "half_year",
        "Semester": "semester",
        "Module": "module",
        "Year": "year",
    }
)

CLASSES: Final = frozenset({"class", "study_group", None})
"""Kinds of groups that have periods and final marks of their own; a broken group may be one."""

Pair = tuple[str, str]
"""A group and a subject: what a course is."""


def items_of(answer: Answer) -> list[Any]:
    """The items of an answer that is a list."""
    return as_list(answer.json(), where=answer.origin.request)


async def listed(call: Awaitable[Answer]) -> Answer:
    """An answer that must be a list.

    Raises:
        UnexpectedAnswerError: it is something else.

    """
    answer = await call
    items_of(answer)
    return answer


def key_of(item: Any) -> str | None:
    """An item's own identifier as it came."""
    return id_of(item, "id")


def begun(answers: Iterable[Answer]) -> Batch:
    """A batch that knows all answers it is made of, also those that bring no record."""
    batch = Batch()
    for answer in answers:
        batch.add((), answer.origin)
    return batch


# -- groups and subjects ---------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A group as the reading goes by it. `kind` is null where the group itself could not be read."""

    kind: str | None
    parent: str | None = None


def places(items: Sequence[Any], year: AcademicYear, *, college: bool) -> dict[str, Place]:
    """Groups of a year by key, broken ones included."""
    found: dict[str, Place] = {}
    for item in items:
        try:
            group = wire.EduGroup.model_validate(item)
        except ValidationError:
            if key := key_of(item):
                found[key] = Place(None)
            continue
        if group.year in {None, year.first}:
            found[group.id] = Place(_kind(group, college=college), _parent(group))
    return found


def family_of(places: Mapping[str, Place], group: str) -> tuple[str, ...]:
    """A group and its subgroups."""
    return (group, *(g for g, p in places.items() if p.kind == "subgroup" and p.parent == group))


def add_groups(
    batch: Batch,
    items: Sequence[Any],
    origin: Origin,
    year: AcademicYear,
    curators: Mapping[str, str] = MappingProxyType({}),
    *,
    college: bool,
) -> None:
    """Groups of a year. A part of one class is a subgroup; what is drawn from several is a metagroup without a parent."""
    groups = []
    for one in read_each(items, wire.EduGroup, batch, entity="groups", key=key_of, origin=origin):
        if one.year not in {None, year.first}:
            continue
        kind = _kind(one, college=college)
        group = Group(
            key=one.id,
            academic_year=AcademicYear(one.year).name if one.year is not None else None,
            name=one.name,
            kind=kind,
            level=one.parallel,
            parent=_parent(one),
            curator=curators.get(one.id),
            raw={"kind": one.type} if kind is None else None,
        )
        groups.append(group)
    batch.add(groups, origin)


def _kind(group: wire.EduGroup, *, college: bool) -> str | None:
    several = len(set(group.parents))
    if several:
        return "subgroup" if several == 1 else "metagroup"
    if group.type == "Subgroup":
        return "metagroup"
    if group.type in {None, "", "Group"}:
        return "study_group" if college else "class"
    return None


def _parent(group: wire.EduGroup) -> str | None:
    return group.parents[0] if len(set(group.parents)) == 1 else None


def subject_keys(answer: Answer) -> set[str]:
    """The school's subjects, broken entries included."""
    return {key for item in items_of(answer) if (key := key_of(item))}


def add_subjects(batch: Batch, items: Sequence[Any], origin: Origin) -> None:
    subjects = [
        Subject(key=one.id, name=one.name)
        for one in read_each(items, wire.Subject, batch, entity="subjects", key=key_of, origin=origin)
    ]
    batch.add(subjects, origin)


def taught_by(memberships: Mapping[str, Answer], batch: Batch) -> dict[Pair, tuple[str, ...]]:
    """Who teaches what to whom, as the teachers' memberships say: (group, subject) -> teachers."""
    teachers: dict[Pair, set[str]] = defaultdict(set)
    for person, answer in memberships.items():
        for one in memberships_of(answer, batch):
            for item in one.subjects:
                subject = key_of(item) or wire.id_text(item)
                if subject:
                    teachers[one.group.id, subject].add(person)
    return {pair: tuple(sorted(people)) for pair, people in teachers.items()}


def memberships_of(answer: Answer, batch: Batch) -> Iterator[wire.Membership]:
    """The groups of one teacher; what cannot be read is noted as drift, for it makes no record of its own."""
    for item in _memberships(answer):
        try:
            yield wire.Membership.model_validate(item)
        except ValidationError:
            batch.drift[Drift("unknown_value", "SchoolMemberships", "eduGroupMemberships")] += 1


def _memberships(answer: Answer) -> list[Any]:
    body = answer.json()
    schools = body.get("schools") if isinstance(body, Mapping) else None
    parts = [s.get("eduGroupMemberships") for s in schools or () if isinstance(s, Mapping)]
    return [item for part in parts if isinstance(part, list) for item in part]


def groups_in_memberships(answer: Answer) -> list[Any]:
    """The groups of one teacher as they came."""
    return [item["eduGroup"] for item in _memberships(answer) if isinstance(item, Mapping) and "eduGroup" in item]


def groups_in_context(answer: Answer) -> list[Any]:
    """The groups that an account is said to have; its subgroups are not among them."""
    body = answer.json()
    groups = body.get("eduGroups") if isinstance(body, Mapping) else None
    return groups if isinstance(groups, list) else []


def each_once(lists: Iterable[tuple[Answer, list[Any]]]) -> list[tuple[Answer, list[Any]]]:
    """Lists with the answers they stand in, without what an earlier one holds already, or what has no key."""
    seen: set[str] = set()
    found = []
    for answer, items in lists:
        new = {key: item for item in items if (key := key_of(item)) and key not in seen}
        seen.update(new)
        if new:
            found.append((answer, list(new.values())))
    return found


def work_types(answer: Answer, batch: Batch) -> dict[str, wire.WorkType]:
    """The school's kinds of work by key; what cannot be read is noted as drift, for it makes no record of its own."""
    found = {}
    for item in items_of(answer):
        try:
            one = wire.WorkType.model_validate(item)
        except ValidationError:
            batch.drift[Drift("unknown_value", "WorkType", "shape")] += 1
            continue
        note_drift(one, batch)
        found[one.id] = one
    return dict(sorted(found.items()))


# -- periods ---------------------------------------------------------------------------------------------------------


def year_key(year: AcademicYear) -> str:
    """The key of the year that is added where the portal has none."""
    return f"year:{year.name}"


def year_periods(answers: Mapping[str, Answer], year: AcademicYear) -> dict[str, str]:
    """The period of kind `year` by class: the portal's own, or else the added one."""
    own = {
        group: key
        for group, answer in answers.items()
        for item in items_of(answer)
        if _said(item, "type") == "Year" and (key := key_of(item))
    }
    return {group: own.get(group, year_key(year)) for group in answers}


def add_periods(batch: Batch, answers: Mapping[str, Answer], year: AcademicYear) -> None:
    """The reporting periods of classes, and the year where it is not among them.

    Classes that keep the same schedule name the same periods. The portal's own `number` is not to be trusted (section 6):
    they are counted by start.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    numbers: dict[str, int] = {}
    for group, answer in answers.items():
        for key, number in _numbers(items_of(answer)).items():
            groups[key].append(group)
            numbers[key] = min(number, numbers.get(key, number))
    seen: set[str] = set()
    bounds: list[str] = []
    for answer in answers.values():
        periods = []
        for one in read_each(
            items_of(answer), wire.ReportingPeriod, batch, entity="periods", key=key_of, origin=answer.origin
        ):
            bounds += [one.start.isoformat(), one.finish.isoformat()]
            if one.id in seen:
                continue
            seen.add(one.id)
            words = Words(batch, "ReportingPeriod")
            period = Period(
                key=one.id,
                academic_year=(AcademicYear(one.year) if one.year is not None else year).name,
                kind=words.of("kind", one.type or None, PERIOD_KINDS),
                number=numbers.get(one.id),
                name=one.name,
                start=one.start.isoformat(),
                end=one.finish.isoformat(),
                groups=_whose(groups[one.id], answers),
                raw=words.raw,
            )
            periods.append(period)
        batch.add(periods, answer.origin)
    _add_year(batch, answers, year, bounds)


def _add_year(batch: Batch, answers: Mapping[str, Answer], year: AcademicYear, bounds: Sequence[str]) -> None:
    without = [group for group, key in year_periods(answers, year).items() if key == year_key(year)]
    if not without:
        return
    added = Period(
        key=year_key(year),
        academic_year=year.name,
        kind="year",
        number=1,
        name="Год",
        start=min(bounds, default=None),
        end=max(bounds, default=None),
        groups=_whose(without, answers),
    )
    batch.add([added], answers[without[0]].origin)


class ClassPeriods(NamedTuple):
    """The periods of a class: the key of its year, the last day of all, and for each type the keys by their start."""

    year: str
    end: date | None
    in_order: Mapping[str | None, tuple[str, ...]]


def periods_of_classes(answers: Mapping[str, Answer], year: AcademicYear) -> dict[str, ClassPeriods]:
    """The periods of each class that told them."""
    years = year_periods(answers, year)
    return {g: ClassPeriods(years[g], _last_day(answer), _in_order(items_of(answer))) for g, answer in answers.items()}


def _last_day(answer: Answer) -> date | None:
    days = [day for item in items_of(answer) if (day := wire.day_in(_said(item, "finish")))]
    return max(days, default=None)


def _in_order(items: Sequence[Any]) -> dict[str | None, tuple[str, ...]]:
    places = _numbers(items)
    found: dict[str | None, list[str]] = defaultdict(list)
    for item in items:
        if (key := key_of(item)) in places:
            found[_said(item, "type")].append(key or "")
    return {kind: tuple(sorted(set(keys), key=places.__getitem__)) for kind, keys in found.items()}


def _numbers(items: Sequence[Any]) -> dict[str, int]:
    """Each period's place among those of its kind, from 1 by start; a broken one keeps its place if it shows a date."""
    starts: dict[str | None, list[tuple[date, str]]] = defaultdict(list)
    for item in items:
        days = (wire.day_in(_said(item, name)) for name in ("start", "finish"))
        if shown := next((day for day in days if day), None):
            starts[_said(item, "type")].append((shown, key_of(item) or ""))
    return {key: number for kind in starts.values() for number, (_, key) in enumerate(sorted(kind), 1)}


def _whose(groups: Sequence[str], answers: Mapping[str, Answer]) -> tuple[str, ...] | None:
    return None if set(groups) == set(answers) else tuple(sorted(groups))


def _said(item: Any, name: str) -> str | None:
    value = item.get(name) if isinstance(item, Mapping) else None
    return value if isinstance(value, str) else None


# -- courses ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Taught:
    """What a group's lessons of the year show beside themselves, each thing with the answer that showed it first.

    `whole` is false where an entry could not be read that far, or a part of the year was not read.
    """

    courses: dict[Pair, Origin] = field(default_factory=dict)
    subjects: dict[str, tuple[Any, Origin]] = field(default_factory=dict)
    teachers: set[str] = field(default_factory=set)
    whole: bool = True

    def take(self, items: Iterable[Any], origin: Origin) -> None:
        """Looks through the lessons of one answer, broken ones included."""
        for item in items:
            said = item.get("subject") if isinstance(item, Mapping) else None
            group, subject = id_of(item, "group"), key_of(said)
            if not group or not subject:
                self.whole = False
                continue
            self.courses.setdefault((group, subject), origin)
            self.subjects.setdefault(subject, (said, origin))
            for name in ("teachers_str", "teachers"):
                teachers = item.get(name)
                if isinstance(teachers, list):
                    self.teachers.update(t for v in teachers if (t := wire.id_text(v)) and t != "0")

    def groups(self) -> set[str]:
        return {group for group, _ in self.courses}

    def without(self, groups: Iterable[str]) -> Taught:
        """The same without what belongs to some groups."""
        out = set(groups)
        kept = {pair: origin for pair, origin in self.courses.items() if pair[0] not in out}
        return Taught(kept, self.subjects, self.teachers, self.whole)


def course_key(group: str, subject: str) -> str:
    return f"{group}:{subject}"


def course(pair: Pair, teachers: Mapping[Pair, tuple[str, ...]]) -> Course:
    """One subject taught to one group. Teachers are those whose memberships say so."""
    group, subject = pair
    return Course(key=course_key(group, subject), group=group, subject=subject, teachers=teachers.get(pair))


def add_courses(batch: Batch, taught: Taught, teachers: Mapping[Pair, tuple[str, ...]]) -> None:
    for pair, origin in taught.courses.items():
        batch.add([course(pair, teachers)], origin)


def covers_year(entity: str, year: AcademicYear) -> Scope:
    """All of an entity that belongs to a year."""
    return Scope(entity, axis=Axis.ACADEMIC_YEAR, start=year.name, end=year.name)


def iso(day: date | None) -> str | None:
    return day.isoformat() if day else None

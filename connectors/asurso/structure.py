"""What the journals of one group say together: its courses and subgroups, and who belongs to what since when.

A page of a journal is one subject taught to one set of pupils; whether that is the group or a part of it, and how long a
pupil is in it, only all pages together can tell. Pure. Sources: portal facts A5.3, A8; keys as canonical.md says.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from canonical.batch import Batch, Drift, Origin
from canonical.entities import Course, Enrolment, Group, Person, Subject
from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.directory import Directory
from connectors.asurso.forms import Name, name_of, same_name
from connectors.asurso.gradebooks import Gradebook, Taught
from connectors.asurso.mapper import person
from connectors.asurso.movement import Stay, told
from connectors.asurso.values import as_date, day, folded, id_of
from connectors.asurso.wire import RosterStudent
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer
from connectors.wire import as_list, note_drift, reason


@dataclass(frozen=True, slots=True)
class Broken:
    """A place on a roster that names no pupil as it should."""

    id: str | None
    reason: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a journal, as far as it says who is taught by whom."""

    gradebook: Gradebook
    taught: Taught
    origin: Origin
    roster: tuple[RosterStudent, ...]
    broken: tuple[Broken, ...]
    teacher: str | None
    topics: tuple[str, ...]

    @property
    def course(self) -> str:
        return f"{self.gradebook.id}:{self.taught.id}"


@dataclass(frozen=True, slots=True)
class Links:
    """Whom the ids of a page mean: those of its roster, and what stands before any other to make a key of it."""

    known: Mapping[str, str]
    before_others: str

    def key(self, number: str, directory: Directory) -> str:
        if number in self.known:
            return self.known[number]
        return f"{self.before_others}{number}" if self.before_others else directory.student_key(number)


@dataclass(frozen=True, slots=True)
class TaughtCourse:
    """A course of a gradebook as the attestation sheet needs it.

    `name` is the one in the gradebook, null where it cannot be read; `pupils` is null where the page could not be.
    """

    key: str
    gradebook: str
    name: str | None
    group: str | None
    subject: str | None
    pupils: frozenset[str] | None


@dataclass
class Structure:
    """What the pages of a group say together. `batch` holds its records.

    `links` and `on` (who stands on the page, broken places too) are by course, `people` are those whom rosters alone name.
    """

    batch: Batch
    links: dict[str, Links] = field(default_factory=dict)
    courses: list[TaughtCourse] = field(default_factory=list)
    subgroups: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    on: dict[str, frozenset[str]] = field(default_factory=dict)


def page_of(gradebook: Gradebook, taught: Taught, answer: Answer, batch: Batch) -> Page:
    """The head of a journal page.

    Raises:
        UnexpectedAnswerError: the answer is no page.

    """
    payload = answer.json()
    if payload is None:
        payload = {}
    if not isinstance(payload, Mapping):
        raise UnexpectedAnswerError(f"{answer.origin.request}: a journal page was expected")
    roster, broken = [], []
    for item in as_list(payload.get("students"), where=answer.origin.request):
        try:
            student = RosterStudent.model_validate(item)
        except ValidationError as error:
            broken.append(Broken(id_of(item), reason(error), item))
            continue
        note_drift(student, batch)
        wrong = next((n for n in ("start_date", "end_date") if (d := getattr(student, n)) and not as_date(d)), None)
        if wrong:
            broken.append(Broken(student.id, f"{wrong}: not a date", item))
        else:
            roster.append(student)
    teacher = payload.get("teacher")
    return Page(
        gradebook,
        taught,
        answer.origin,
        tuple(roster),
        tuple(broken),
        tidy(teacher) if isinstance(teacher, str) else None,
        tuple(_planned_ids(payload.get("workingProgram"))),
    )


def _planned_ids(program: Any) -> Iterator[str]:
    topics = program.get("topics") if isinstance(program, Mapping) else None
    for topic in topics if isinstance(topics, list) else ():
        lessons = topic.get("lessons") if isinstance(topic, Mapping) else None
        yield from (number for item in (lessons if isinstance(lessons, list) else ()) if (number := id_of(item)))


def structure(
    group: str,
    pages: Sequence[Page],
    directory: Directory,
    year: AcademicYear,
    batch: Batch,
    lost: Sequence[tuple[Gradebook, Taught]] = (),
    *,
    by_list: bool = True,
    stays: Mapping[str, Stay] = MappingProxyType({}),
) -> Structure:
    """Puts the pages of a group together.

    `year` is the current one, `batch` takes the records, `lost` are subjects whose pages could not be read. `by_list`:
    whether the students' list alone makes somebody a member of the group. `stays`: what decrees say of its members.
    """
    made = Structure(batch)
    pupils = directory.pupils_of(group)
    for page in pages:
        links = made.links[page.course] = _link(page, pupils, directory, batch)
        broken = {links.key(b.id, directory) for b in page.broken if b.id}
        made.on[page.course] = frozenset(links.known.values()) | broken
    _add_people(made, pages, directory)
    belonging: dict[str, str] = {}
    for page in pages:
        if page.taught.item is None:
            of = (page.course, page.gradebook.id, page.taught.name, None, None, made.on[page.course])
            made.courses.append(TaughtCourse(*of))
            continue
        name = page.taught.name or page.taught.id
        subject, suffix = name, None
        base, _, tail = (part.strip() for part in name.rpartition("/"))
        if base and tail and _is_part(page, pages, made, pupils, directory):
            subject, suffix = base, tail
        part = f"{group}:{suffix}" if suffix else group
        if suffix and part not in made.subgroups:
            made.subgroups.add(part)
            subgroup = Group(
                key=part,
                academic_year=year.name,
                name=suffix,
                kind="subgroup",
                level=directory.levels.get(group),
                parent=group,
            )
            batch.add([subgroup], page.origin)
        belonging[page.course] = part
        _add_course(made, page, name, part, subject, directory)
    for book, one in lost:
        made.courses.append(TaughtCourse(f"{book.id}:{one.id}", book.id, one.name, None, None, None))
    _add_enrolments(made, group, pages, belonging, pupils, directory, by_list=by_list, stays=stays)
    return made


# -- who is who ------------------------------------------------------------------------------------------------------


def _link(page: Page, pupils: Mapping[str, Name], directory: Directory, batch: Batch) -> Links:
    """Whom the roster's ids mean.

    They are the ids of the students' list as a rule; on a build where they count within the gradebook fewer of them
    agree with the list by name than there are names of the group, and pupils are found by these, those who have changed
    groups since by theirs in the whole list (portal facts A5.3, open point).
    """
    listed = directory.students or {}
    names = {student.id: name_of(student) for student in page.roster}
    agreeing = {n for n, name in names.items() if n in listed and same_name(name, listed[n].name)}
    by_name = {n: [k for k, other in pupils.items() if same_name(name, other)] for n, name in names.items()}
    if len(agreeing) >= sum(len(keys) == 1 for keys in by_name.values()):
        for number in names.keys() & listed.keys() - agreeing:
            if listed[number].name[0]:
                batch.drift[Drift("unknown_value", "RosterStudent", "name")] += 1
        return Links({n: directory.student_key(n) for n in names}, "")
    before = f"{page.gradebook.id}:"
    found = {n: keys or directory.find(names[n]) for n, keys in by_name.items()}
    meant = Counter(keys[0] for keys in found.values() if keys)
    sure = {n: keys[0] for n, keys in found.items() if len(keys) == 1 and meant[keys[0]] == 1}
    return Links({n: sure.get(n, f"{before}{n}") for n in names}, before)


def _add_people(made: Structure, pages: Sequence[Page], directory: Directory) -> None:
    """Those who stand only on rosters, from the newest of them; and what stands there that is nobody."""
    listed = {directory.student_key(number) for number in directory.students or ()}
    for page in reversed(pages):
        links = made.links[page.course]
        new: list[Person] = []
        for student in page.roster:
            key = links.known[student.id]
            if key not in listed and key not in made.people and name_of(student) not in directory.nameless:
                made.people.add(key)
                new.append(person(key, student, "student"))
        made.batch.add(new, page.origin)
    for page in pages:
        for broken in page.broken:
            whom = made.links[page.course].key(broken.id, directory) if broken.id else None
            if whom is not None and whom not in listed and whom not in made.people:
                made.batch.reject(
                    "people", broken.reason, broken.raw, key=whom, origin=page.origin, hides=("enrolments",)
                )


# -- what is taught --------------------------------------------------------------------------------------------------


def _is_part(
    page: Page, pages: Sequence[Page], made: Structure, pupils: Mapping[str, Name], directory: Directory
) -> bool:
    """Whether a page's pupils are a proper subset of the group's.

    Somebody of the group stands on other pages of the term and not on this one; or, where no page is broader, is in the
    group and has not joined it after the term. Of a page without pupils only its name can tell.
    """
    here = made.on[page.course]
    if not here:
        return folded(page.taught.name) not in directory.subjects
    term = [p for p in pages if p.gradebook.id == page.gradebook.id]
    everyone = frozenset().union(*(made.on[p.course] for p in term))
    group = set(pupils) or _not_left(term, made)
    if everyone & group - here:
        return True
    if everyone - here:
        return False
    return bool(group - here - _joined_later(page, pages, made))


def _not_left(term: Sequence[Page], made: Structure) -> set[str]:
    """Who is on the rosters without an end: the group, where the students' list cannot be read."""
    return {made.links[p.course].known[s.id] for p in term for s in p.roster if not s.end_date}


def _joined_later(page: Page, pages: Sequence[Page], made: Structure) -> set[str]:
    end = page.gradebook.end
    first: dict[str, Any] = {}
    for other in pages:
        for student in other.roster:
            start = as_date(student.start_date)
            key = made.links[other.course].known[student.id]
            if start and (key not in first or start < first[key]):
                first[key] = start
    return {key for key, start in first.items() if end and start > end}


def _add_course(made: Structure, page: Page, name: str, group: str, subject: str, directory: Directory) -> None:
    item = page.taught.item
    assert item is not None  # noqa: S101 - the caller leaves broken ones out
    key = directory.subject_key(subject)
    if key not in directory.subjects.values():
        made.batch.add([Subject(key=key, name=subject)], page.origin)
    printed = [n for n in re.split(r"[,;]", page.teacher or "") if n.strip()]
    found = [directory.teacher(n) for n in printed]
    unknown = None in found
    if unknown:
        made.batch.drift[Drift("unresolved_reference", "courses", "teachers")] += 1
    course = Course(
        key=page.course,
        group=group,
        subject=key,
        period=page.gradebook.id,
        teachers=tuple(t for t in found if t) or None,
        planned_hours=item.planned_hours,
        raw={"teachers": page.teacher} if unknown else None,
    )
    made.batch.add([course], page.origin)
    made.courses.append(TaughtCourse(page.course, page.gradebook.id, name, group, key, made.on[page.course]))


# -- who belongs to what ---------------------------------------------------------------------------------------------


def _add_enrolments(
    made: Structure,
    group: str,
    pages: Sequence[Page],
    belonging: Mapping[str, str],
    pupils: Mapping[str, Name],
    directory: Directory,
    *,
    by_list: bool,
    stays: Mapping[str, Stay],
) -> None:
    """Membership in the group (of the list, the rosters and the decrees together) and in its parts (of their rosters)."""
    spans: dict[tuple[str, str], list[RosterStudent]] = {(key, group): [] for key in pupils if by_list}
    origins: dict[tuple[str, str], Origin] = {}
    unsure: dict[tuple[str, str], tuple[Broken, Origin]] = {}
    for page in pages:
        links = made.links[page.course]
        own = belonging.get(page.course, group)
        for student in page.roster:
            for part in dict.fromkeys((group, own)):
                spans.setdefault((links.known[student.id], part), []).append(student)
                origins[links.known[student.id], part] = page.origin
        for broken in page.broken:
            if broken.id is None:
                made.batch.reject("enrolments", broken.reason, broken.raw, origin=page.origin)
            else:
                unsure[links.key(broken.id, directory), own] = (broken, page.origin)
    named = {directory.student_key(number) for number in directory.students or ()} | made.people
    for (key, part), (broken, origin) in unsure.items():
        spans.pop((key, part), None)
        if key in named:
            made.batch.reject("enrolments", broken.reason, broken.raw, key=f"{key}:{part}", origin=origin)
    by_origin: dict[Origin | None, list[Enrolment]] = defaultdict(list)
    for (key, part), on in spans.items():
        staying = key in pupils and (part == group or any(not s.end_date for s in on))
        said = _enrolment(key, part, on, staying=staying, listed=directory.students is not None)
        by_origin[origins.get((key, part))].append(told(said, stays.get(key)) if part == group else said)
    for key in sorted(stays.keys() & named):
        if (key, group) not in spans and (key, group) not in unsure:
            gone = told(Enrolment(key=f"{key}:{group}", person=key, group=group), stays[key])
            by_origin[stays[key].origin].append(gone)
    for found, enrolments in by_origin.items():
        made.batch.add(enrolments, found)


def _enrolment(key: str, group: str, on: Iterable[RosterStudent], *, staying: bool, listed: bool) -> Enrolment:
    starts = [s for r in on if (s := day(r.start_date))]
    ends = [e for r in on if (e := day(r.end_date))]
    open_end = staying or (not listed and any(not r.end_date for r in on))
    return Enrolment(
        key=f"{key}:{group}",
        person=key,
        group=group,
        start=min(starts, default=None),
        end=None if open_end else max(ends, default=None),
        status="enrolled" if staying else None,
    )

"""Reads one window of one school: which questions are asked in which order, and which units come of the answers.

Lessons are asked for over the whole year (unless dates were given): they alone show which courses there are and which
teachers have left (portal facts, section 11); without that a pupil's course in a subject could not be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from canonical.batch import Batch
from canonical.coverage import Scope, Selector
from canonical.years import Stretch, grid
from connectors.contract import Context, Reading, Unit, Window, ready
from connectors.errors import AccessDeniedError, ConnectorError
from connectors.http import Answer
from connectors.partner_api import mapper, people, wire
from connectors.partner_api.asking import FOUND_ON_THE_WAY, Asker
from connectors.partner_api.client import Account, PartnerApi, attempt, gathered, if_shown
from connectors.partner_api.finals import Register, finals_batch, has_year_marks, people_in
from connectors.partner_api.journal import Bells, View, bells_of, journal_batch, lesson_keys
from connectors.partner_api.mapper import Pair, Place, Taught, items_of, key_of, listed
from connectors.partner_api.people import Births, Roster

PIECE_DAYS: Final = 28
"""Ranges longer than 30 days may be refused (portal facts, section 1.2)."""

LESSONS_AT_ONCE: Final = 60
"""Lessons in one question about the log: an address of some 1,700 characters, within what web servers allow."""

_END_OF_YEAR: Final = timedelta(days=31)
"""So long before its last period ends a class may get marks of the year."""

_CLASSES: Final = frozenset({"class", "study_group", None})
"""Kinds of groups that have periods and final marks of their own; a broken group may be one."""


class Reader:
    """One reading. What earlier steps have found out is kept for later ones."""

    def __init__(self, context: Context, api: PartnerApi, window: Window, school: str, account: Account) -> None:
        self.context = context
        self.api = api
        self.asker = Asker(api)
        self.window = window
        self.year = window.year
        self.school = school
        self.account = account
        self.college = context.institution.kind == "college"
        self.whole = not window.explicit or (window.since <= self.year.start and window.until >= self.year.end)
        self.places: dict[str, Place] = {}
        self.staff: set[str] = set()
        self.subjects: set[str] = set()
        self.work_types: dict[str, wire.WorkType] = {}
        self.teachers: dict[Pair, tuple[str, ...]] = {}
        self.members: dict[str, dict[str, bool]] = {}
        self.years: dict[str, str] = {}
        self.ends: dict[str, date] = {}
        self.courses: set[Pair] = set()
        self.readable: set[str] = set()
        self._school_bells: tuple[Answer | None] | None = None

    async def units(self) -> AsyncIterator[Unit]:
        """The window as units, in an order in which nothing waits for another unit."""
        for step in (self._school, self._pupils, self._periods, self._journals, self._finals, self._closing):
            async for unit in step():
                yield unit
            while self.asker.lost:
                yield self.asker.lost.pop(0)

    # -- the school ----------------------------------------------------------------------------------------------

    async def _school(self) -> AsyncIterator[Unit]:
        api, school, year = self.api, self.school, self.year
        teachers, subjects, types, groups = await gathered(
            self.asker.ask("teachers", listed(api.teachers(school))),
            self.asker.ask("subjects", listed(api.subjects(school))),
            self.asker.ask("kinds of work", listed(api.work_types(school)), optional=True),
            self.asker.ask("groups", listed(api.groups(school)), optional=True),
        )
        notes = Batch()
        self.staff = people.staff_keys(teachers) if teachers else set()
        self.subjects = mapper.subject_keys(subjects) if subjects else set()
        self.work_types = mapper.work_types(types, notes) if types else {}
        memberships = await self._memberships()
        self.teachers = mapper.taught_by(memberships, notes)
        named = [(groups, items_of(groups))] if groups and items_of(groups) else []
        elsewhere = [] if named else await self._groups_elsewhere(memberships.values())
        lists = named or elsewhere
        if not named:
            self.asker.unsure.add("groups")
        for _, items in lists:
            self.places.update(mapper.places(items, year, college=self.college))
        if groups is None and not lists and not self.context.from_capture:
            raise AccessDeniedError(
                f"source {self.context.source}: the account sees no group of the school {school}; "
                "an administrator of the school can give it the right to see the classes"
            )
        self._doubt("people", teachers, "Id")
        self._doubt("subjects", subjects, "id")
        self._doubt("groups", groups, "id")
        curators, told = await self._curators()
        strangers = await self.asker.meet(set(curators.values()) - self.staff)
        kept = [a for a in (*self.account.answers, teachers, subjects, types, groups) if a]
        named_by = (answer for answer, _ in elsewhere)
        answers = (*kept, *memberships.values(), *named_by, *told, *strangers.answers, *strangers.births)

        def make() -> Batch:
            batch = mapper.begun(answers)
            batch.drift.update(notes.drift)
            if teachers:
                people.add_staff(batch, teachers)
            people.add_strangers(batch, strangers)
            if subjects:
                mapper.add_subjects(batch, items_of(subjects), subjects.origin)
            for answer, items in lists:
                mapper.add_groups(batch, items, answer.origin, year, curators, college=self.college)
            return batch

        yield ready(f"school {year.name}", Reading(answers, make))

    def _doubt(self, entity: str, answer: Answer | None, name: str) -> None:
        """An entry without a readable key may be any of its kind."""
        if answer and not all(wire.id_of(item, name) for item in items_of(answer)):
            self.asker.unsure.add(entity)

    async def _memberships(self) -> dict[str, Answer]:
        """What teachers teach to whom, teacher by teacher."""
        keys = sorted(self.staff)
        got = await gathered(
            *(self.asker.ask(f"memberships {k}", self.api.memberships(k), optional=True) for k in keys)
        )
        return {key: answer for key, answer in zip(keys, got, strict=True) if answer}

    async def _groups_elsewhere(self, memberships: Iterable[Answer]) -> list[tuple[Answer, list[Any]]]:
        """Groups that the account and the teachers are said to have, for an account that does not see the school's list."""
        keys = sorted(self.staff | {key for key in (self.account.person,) if key})
        walks = await gathered(
            *(self.asker.ask(f"groups of {k}", listed(self.api.groups_of(k)), optional=True) for k in keys)
        )
        own = [(answer, mapper.groups_in_context(answer)) for answer in self.account.answers]
        taught = [(answer, mapper.groups_in_memberships(answer)) for answer in memberships]
        return mapper.each_once([*own, *taught, *((answer, items_of(answer)) for answer in walks if answer)])

    async def _curators(self) -> tuple[dict[str, str], list[Answer]]:
        """Class teachers by class; the portal need not tell them."""
        classes = [g for g, place in self.places.items() if place.kind in {"class", "study_group"}]
        got = await gathered(
            *(self.asker.ask(f"class teacher {g}", self.api.class_teacher(g), optional=True) for g in classes)
        )
        found = {g: key for g, answer in zip(classes, got, strict=True) if answer and (key := key_of(answer.json()))}
        return found, [answer for answer in got if answer]

    # -- pupils and periods --------------------------------------------------------------------------------------

    async def _pupils(self) -> AsyncIterator[Unit]:
        rosters = [r for r in await gathered(*(self._roster(g) for g in self.places)) if r]
        lists = [answer for r in rosters for answer in (r.students, r.persons)]
        births = await self.asker.births(lists)
        answers = (*lists, *births)
        aside = self.staff - {key for r in rosters for item in items_of(r.students) if (key := key_of(item))}

        def make() -> Batch:
            batch = mapper.begun(answers)
            people.add_people(batch, "student", lists, Births(births, batch), leave_out=aside)
            for roster in rosters:
                people.add_enrolments(batch, roster, self.staff)
            return batch

        if rosters:
            yield ready(f"pupils {self.year.name}", Reading(answers, make, _digest(sorted(self.staff))))

    async def _roster(self, group: str) -> Roster | None:
        name = f"pupils {group}"
        students = await self.asker.ask(name, listed(self.api.students(group)))
        persons = await self.asker.ask(name, listed(self.api.persons(group))) if students else None
        if students is None or persons is None:
            return None
        roster = Roster(group, students, persons)
        self.members[group] = roster.members(self.staff)
        if not roster.is_readable():
            self.asker.unsure.add("people")
        return roster

    async def _periods(self) -> AsyncIterator[Unit]:
        classes = [g for g, place in self.places.items() if place.kind in _CLASSES]
        got = await gathered(*(self.asker.ask(f"periods {g}", listed(self.api.periods(g))) for g in classes))
        answers = {g: answer for g, answer in zip(classes, got, strict=True) if answer}
        self.years = mapper.year_periods(answers, self.year)
        self.ends = {g: end for g, answer in answers.items() if (end := mapper.last_day(answer))}

        def make() -> Batch:
            batch = mapper.begun(answers.values())
            mapper.add_periods(batch, answers, self.year)
            if len(answers) == len(classes):
                batch.covers(mapper.covers_year("periods", self.year))
            return batch

        if answers:
            yield ready(f"periods {self.year.name}", Reading(tuple(answers.values()), make))

    # -- journals ------------------------------------------------------------------------------------------------

    async def _journals(self) -> AsyncIterator[Unit]:
        """Every group that is taught by itself; the lessons of a subgroup come with those of its class."""
        queue = [g for g in self.places if self._is_by_itself(g)]
        for group in queue:  # grows by metagroups that only lessons show
            async for unit in self._journal(group, queue):
                yield unit

    def _is_by_itself(self, group: str) -> bool:
        place = self.places[group]
        return place.kind != "subgroup" or place.parent not in self.places

    def _family(self, group: str) -> tuple[str, ...]:
        return (group, *(g for g, p in self.places.items() if p.kind == "subgroup" and p.parent == group))

    async def _journal(self, group: str, queue: list[str]) -> AsyncIterator[Unit]:
        bells, told = await self._bells_of(group)
        pieces = self._pieces()
        got = await gathered(*(attempt(listed(self.api.lessons(group, p.start, p.end))) for p in pieces))
        taught = Taught()
        lessons: list[tuple[Stretch, Answer]] = []
        for piece, answer in zip(pieces, got, strict=True):
            if isinstance(answer, ConnectorError):
                self.asker.lose(self._piece_name(group, piece), answer)
                taught.whole = False
                continue
            self.asker.read.append(answer.origin)
            taught.take(items_of(answer), answer.origin)
            lessons.append((piece, answer))
        yield await self._courses(group, taught, queue, told)
        elsewhere = frozenset(queue) - {group}
        view = View(
            self.context.zone,
            self.context.scale,
            self.work_types,
            bells,
            self._family(group),
            elsewhere & taught.groups(),
        )
        wanted = {piece.start for piece in self.window.pieces(PIECE_DAYS)}
        for piece, answer in lessons:
            name = self._piece_name(group, piece)
            if piece.start in wanted or self.window.missed(name):
                yield Unit(name, partial(self._read_piece, group, view, piece, answer), piece.whole)

    def _pieces(self) -> list[Stretch]:
        """The whole year; where dates were given, no day besides."""
        if self.window.explicit:
            return list(self.window.pieces(PIECE_DAYS))
        return list(grid(self.year, PIECE_DAYS, self.year.start, self.year.end, cut=False))

    def _piece_name(self, group: str, piece: Stretch) -> str:
        number = (piece.start - self.year.start).days // PIECE_DAYS
        return f"lessons {group} {self.year.start + timedelta(days=number * PIECE_DAYS)}"

    async def _bells_of(self, group: str) -> tuple[Bells, tuple[Answer, ...]]:
        """A group's bells, and who told them: itself, or else the school, if that has only one timetable."""
        own = await self.asker.ask(f"bells {group}", self.api.timetables(group), optional=True)
        if own and (bells := bells_of(own, Batch())):
            return bells, (own,)
        if self._school_bells is None:
            call = self.api.school_timetables(self.school)
            self._school_bells = (await self.asker.ask("bells", call, optional=True),)
        (answer,) = self._school_bells
        body = answer.json() if answer else None
        if answer is None or (isinstance(body, list) and len(body) > 1):
            return Bells(), ()
        return bells_of(answer, Batch()) or Bells(), (answer,)

    async def _courses(self, group: str, taught: Taught, queue: list[str], told: tuple[Answer, ...]) -> Unit:
        """What a group's lessons show beside themselves: courses, and what no list has named.

        `told` are the answers about its bells, which make no record of their own and are kept with these.
        """
        adopted = await self._adopt(taught.groups() - self.places.keys(), queue)
        own = taught.without(set(queue) - {group})
        if own.whole:
            self.readable.add(group)
        else:
            self.asker.unsure.update(FOUND_ON_THE_WAY)
        strangers = await self.asker.meet(own.teachers - self.staff)
        subjects = {k: said for k, said in own.subjects.items() if k not in self.subjects}
        self.subjects.update(subjects)
        self.courses.update(own.courses)
        covered = self.whole and own.whole and self.places[group].kind not in _CLASSES
        answers = (*told, *strangers.answers, *strangers.births, *(a for one in adopted for a in one.answers))

        def make() -> Batch:
            batch = mapper.begun(answers)
            for answer in told:
                bells_of(answer, batch)
            for said, origin in subjects.values():
                mapper.add_subjects(batch, [said], origin)
            people.add_strangers(batch, strangers)
            for one in adopted:
                mapper.add_groups(batch, [one.group.json()], one.group.origin, self.year, college=self.college)
                people.add_adopted(batch, one, self.staff)
            mapper.add_courses(batch, own, self.teachers)
            if covered:
                batch.covers(Scope("courses", Selector.GROUP, group))
            return batch

        taught_here = sorted((pair, self.teachers.get(pair)) for pair in own.courses)
        context = _digest(taught_here, sorted((k, repr(said)) for k, (said, _) in subjects.items()), covered)
        return ready(f"courses {group}", Reading(answers, make, context), whole=self.whole)

    async def _adopt(self, groups: Iterable[str], queue: list[str]) -> list[people.Adopted]:
        """Groups that lessons name and the school's list does not."""
        adopted = []
        known = self.staff | {person for members in self.members.values() for person in members}
        for group in sorted(groups):
            answer = await self.asker.ask(f"group {group}", self.api.group(group), optional=True)
            found = mapper.places([answer.json()], self.year, college=self.college) if answer else {}
            if answer is None or group not in found:
                self.asker.unsure.add("groups")
                continue
            self.places[group] = found[group]
            if self._is_by_itself(group):
                queue.append(group)
            roster = await self._roster(group)
            births = await self.asker.births((roster.students, roster.persons)) if roster else ()
            adopted.append(people.Adopted(answer, roster, births, frozenset(known)))
        return adopted

    async def _read_piece(self, group: str, view: View, piece: Stretch, lessons: Answer) -> Reading:
        marks = await listed(self.api.marks(group, piece.start, piece.end)) if items_of(lessons) else None
        keys = lesson_keys(view, lessons)
        parts = [keys[n : n + LESSONS_AT_ONCE] for n in range(0, len(keys), LESSONS_AT_ONCE)]
        logs = await gathered(*(listed(self.api.log_entries(part)) for part in parts))
        make = partial(journal_batch, view, lessons, marks, logs, piece)
        context = _digest(self.work_types, view.bells, view.family, sorted(view.elsewhere))
        return Reading([a for a in (lessons, marks, *logs) if a], make, context)

    # -- marks of periods, and the end ---------------------------------------------------------------------------

    async def _finals(self) -> AsyncIterator[Unit]:
        for group, place in self.places.items():
            if place.kind in _CLASSES:
                yield Unit(f"period marks {group}", partial(self._read_finals, group), self.whole)

    async def _read_finals(self, group: str) -> Reading:
        finals = await listed(self.api.final_marks(group))
        family = self._family(group)
        apart = [g for g, place in self.places.items() if place.kind in {"metagroup", None} and g not in family]
        members = {g: self.members.get(g, {}) for g in (*family, *apart)}
        unknown = people_in(finals).difference(*self.members.values())
        of_pupils: list[Answer] = []
        if has_year_marks(finals) or self._year_ends(group):
            calls = (if_shown(self.api.all_final_marks(person, group)) for person in sorted(members[group]))
            of_pupils = [answer for answer in await gathered(*calls) if answer]
        courses = frozenset(pair for pair in self.courses if pair[0] in members)
        teachers = {pair: who for pair, who in self.teachers.items() if pair[0] in members}
        register = Register(
            self.context.zone,
            self.context.scale,
            group,
            family,
            self.years.get(group) or mapper.year_key(self.year),
            members,
            courses,
            teachers,
            self.work_types,
            unknown,
        )
        covered = self.whole and group in self.readable
        make = partial(finals_batch, register, finals, of_pupils, covers_courses=covered)
        context = _digest(
            family, register.year, sorted(members.items()), sorted(courses), sorted(teachers.items()), covered,
            sorted(unknown),
        )  # fmt: skip
        return Reading((finals, *of_pupils), make, _digest(context, self.work_types))

    def _year_ends(self, group: str) -> bool:
        end = self.ends.get(group)
        return end is not None and self.context.today() >= end - _END_OF_YEAR

    async def _closing(self) -> AsyncIterator[Unit]:
        """What is complete now that all lists and the whole year's lessons have been read."""
        scopes = [
            mapper.covers_year(entity, self.year) if entity == "groups" else Scope(entity)
            for entity in FOUND_ON_THE_WAY
            if entity not in self.asker.unsure
        ]

        def make() -> Batch:
            batch = Batch()
            batch.covers(*scopes)
            return batch

        if self.whole and self.places and scopes:
            read = sorted(self.asker.read, key=lambda o: (o.request, o.sha256))
            yield ready(f"whole {self.year.name}", Reading(read, make, _digest(scopes)))


def _digest(*parts: Any) -> str:
    """A text that changes when any of the parts does; parts must print the same in every process."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()

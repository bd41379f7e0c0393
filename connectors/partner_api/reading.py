"""Reads one window of one school: which questions are asked in which order, and which units come of the answers.

Lessons are asked for over the whole year (unless dates were given): they alone show which courses there are and which
teachers have left (portal facts, section 11); without that a pupil's course in a subject could not be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from canonical.batch import Batch
from canonical.coverage import Scope, Selector
from canonical.years import Stretch, grid
from connectors.asking import attempt, together
from connectors.contract import Context, Reading, Unit, Window, ready
from connectors.errors import AccessDeniedError, ConnectorError
from connectors.http import Answer
from connectors.partner_api import mapper, people, wire
from connectors.partner_api.asking import FOUND_ON_THE_WAY, Asker
from connectors.partner_api.client import Account, PartnerApi
from connectors.partner_api.journal import Bells, View, bells_of, journal_batch, own_lessons
from connectors.partner_api.mapper import CLASSES, ClassPeriods, Pair, Place, Taught, items_of, key_of, listed
from connectors.partner_api.parts import Part, Whom, lessons_in, lessons_of, log_of, marks_of
from connectors.partner_api.people import Births, Roster
from connectors.partner_api.registers import FinalsReader, Registers

PIECE_DAYS: Final = 28
"""Ranges longer than 30 days may be refused (portal facts, section 1.2)."""


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
        self.periods: dict[str, ClassPeriods] = {}
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
        teachers, subjects, types, groups = await together(
            [
                self.asker.ask("teachers", listed(api.teachers(school))),
                self.asker.ask("subjects", listed(api.subjects(school))),
                self.asker.ask("kinds of work", listed(api.work_types(school)), optional=True),
                self.asker.ask("groups", listed(api.groups(school)), optional=True),
            ]
        )
        notes = Batch()
        self.staff = people.staff_keys(teachers) if teachers else set()
        self.subjects = mapper.subject_keys(subjects) if subjects else set()
        self.work_types = mapper.work_types(types, notes) if types else {}
        memberships = await self._memberships()
        self.teachers = mapper.taught_by(memberships, notes)
        listing = items_of(groups) if groups else []
        if not self.account.is_of_staff:
            self.asker.unsure.update(FOUND_ON_THE_WAY)
            listing = []
        elsewhere: list[tuple[Answer, list[Any]]] = []
        self.places.update(mapper.places(listing, year, college=self.college))
        if not self.places:  # none of this year
            self.asker.unsure.add("groups")
            elsewhere = await self._groups_elsewhere(memberships.values())
        lists = [*([(groups, listing)] if groups else []), *elsewhere]
        for _, items in elsewhere:
            self.places.update(mapper.places(items, year, college=self.college))
        if groups is None and not elsewhere and not self.context.from_capture:
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
        got = await together(self.asker.ask(f"memberships {k}", self.api.memberships(k), optional=True) for k in keys)
        return {key: answer for key, answer in zip(keys, got, strict=True) if answer}

    async def _groups_elsewhere(self, memberships: Iterable[Answer]) -> list[tuple[Answer, list[Any]]]:
        """Groups that the account and the teachers are said to have, where the school's list does not show them.

        Of a family's account these are the groups of its own pupils.
        """
        family = self.account.groups if not self.account.is_of_staff else {}
        keys = sorted(family) or sorted(self.staff | {key for key in (self.account.person,) if key})
        walks = await together(
            self.asker.ask(f"groups of {k}", listed(self.api.groups_of(k)), optional=True) for k in keys
        )
        if family:
            told = {k: [key for i in items_of(a) if (key := key_of(i))] for k, a in zip(keys, walks, strict=True) if a}
            self.account = self.account.in_groups(told)
        own = [(answer, mapper.groups_in_context(answer)) for answer in self.account.answers]
        taught = [] if family else [(answer, mapper.groups_in_memberships(answer)) for answer in memberships]
        found = mapper.each_once([*own, *taught, *((answer, items_of(answer)) for answer in walks if answer)])
        known = {key_of(item) for _, items in found for item in items}
        named = sorted({g for groups in self.account.groups.values() for g in groups} - known)
        alone = await together(self.asker.ask(f"group {g}", self.api.group(g), optional=True) for g in named)
        return [*found, *((answer, [answer.json()]) for answer in alone if answer)]

    async def _curators(self) -> tuple[dict[str, str], list[Answer]]:
        """Class teachers by class; the portal need not tell them."""
        classes = [g for g, place in self.places.items() if place.kind in {"class", "study_group"}]
        got = await together(
            self.asker.ask(f"class teacher {g}", self.api.class_teacher(g), optional=True) for g in classes
        )
        found = {g: key for g, answer in zip(classes, got, strict=True) if answer and (key := key_of(answer.json()))}
        return found, [answer for answer in got if answer]

    # -- pupils and periods --------------------------------------------------------------------------------------

    async def _pupils(self) -> AsyncIterator[Unit]:
        rosters = [r for r in await together(self._roster(g) for g in self.places) if r]
        lists = [answer for r in rosters for answer in r.answers]
        births = await self.asker.births(lists)
        answers = (*lists, *births)
        aside = self.staff - {key for r in rosters for a in r.students for i in people.bodies(a) if (key := key_of(i))}

        def make() -> Batch:
            batch = mapper.begun(answers)
            people.add_people(batch, "student", lists, Births(births, batch), leave_out=aside)
            for roster in rosters:
                people.add_enrolments(batch, roster, self.staff)
            return batch

        if rosters:
            yield ready(f"pupils {self.year.name}", Reading(answers, make, _digest(sorted(self.staff))))

    async def _roster(self, group: str) -> Roster | None:
        """Who is in a group, as far as the account is told: of a family's at least its own pupils. Null: nothing."""
        name = f"pupils {group}"
        own = sorted(person for person, groups in self.account.groups.items() if group in groups)
        students = await self.asker.ask(name, listed(self.api.students(group)), optional=bool(own))
        if students:
            persons = await self.asker.ask(name, listed(self.api.persons(group)), optional=bool(own))
            roster = Roster(group, (students,), (persons,) if persons else (), whole=persons is not None)
        else:
            told = await together(self.asker.ask(name, self.api.person(person)) for person in own)
            roster = Roster(group, tuple(answer for answer in told if answer), (), whole=False)
        if not roster.answers:
            return None
        self.members[group] = roster.members(self.staff)
        if not roster.is_readable():
            self.asker.unsure.add("people")
        return roster

    async def _periods(self) -> AsyncIterator[Unit]:
        classes = [g for g, place in self.places.items() if place.kind in CLASSES]
        got = await together(self.asker.ask(f"periods {g}", listed(self.api.periods(g))) for g in classes)
        answers = {g: answer for g, answer in zip(classes, got, strict=True) if answer}
        self.periods = mapper.periods_of_classes(answers, self.year)
        every = len(answers) == len(classes) and "groups" not in self.asker.unsure

        def make() -> Batch:
            batch = mapper.begun(answers.values())
            mapper.add_periods(batch, answers, self.year)
            if every:
                batch.covers(mapper.covers_year("periods", self.year))
            return batch

        if answers:
            yield ready(f"periods {self.year.name}", Reading(tuple(answers.values()), make, _digest(every)))

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

    async def _journal(self, group: str, queue: list[str]) -> AsyncIterator[Unit]:
        bells, told = await self._bells_of(group)
        pieces = self._pieces()
        whom = self._whom(group)
        got = await together(attempt(lessons_of(self.api, group, p, whom)) for p in pieces)
        taught = Taught()
        lessons: list[tuple[Stretch, Part]] = []
        for piece, part in zip(pieces, got, strict=True):
            if isinstance(part, ConnectorError):
                self.asker.lose(self._piece_name(group, piece), part)
                taught.whole = False
                continue
            taught.whole &= part.whole
            for some, answer in lessons_in(part):
                self.asker.read.append(answer.origin)
                taught.take(some, answer.origin)
            lessons.append((piece, part))
        yield await self._courses(group, taught, queue, told)
        elsewhere = frozenset(queue) - {group}
        view = View(
            self.context.zone,
            self.context.scale,
            self.work_types,
            bells,
            mapper.family_of(self.places, group),
            elsewhere & taught.groups(),
        )
        wanted = {piece.start for piece in self.window.pieces(PIECE_DAYS)}
        for piece, part in lessons:
            name = self._piece_name(group, piece)
            if piece.start in wanted or self.window.missed(name):
                yield Unit(name, partial(self._read_piece, group, view, piece, part), piece.whole)

    def _whom(self, group: str) -> Whom:
        """Of whom to ask one by one, where a group as a whole is refused."""
        members = self.members.get(group, {})
        if not self.account.is_of_staff:
            return Whom(tuple(p for p in sorted(members) if p in self.account.groups), frozenset())
        return Whom(tuple(sorted(members)), frozenset(p for p, here in members.items() if here))

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
        covered = self.whole and own.whole and self.places[group].kind not in CLASSES
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
            births = await self.asker.births(roster.answers) if roster else ()
            adopted.append(people.Adopted(answer, roster, births, frozenset(known)))
        return adopted

    async def _read_piece(self, group: str, view: View, piece: Stretch, lessons: Part) -> Reading:
        whom = self._whom(group)
        own = own_lessons(view, lessons)
        marks = await marks_of(self.api, self.school, group, piece, whom) if own else Part()
        log = await log_of(self.api, own, piece, whom)
        make = partial(journal_batch, view, lessons, marks, log, piece)
        read_for = [(part.whole, part.persons) for part in (lessons, marks, log)]
        context = _digest(self.work_types, view.bells, view.family, sorted(view.elsewhere), read_for)
        lost = [part.refused for part in (lessons, marks, log) if part.refused]
        return Reading([a for part in (lessons, marks, log) for a in part.answers], make, context, lost)

    # -- marks of periods, and the end ---------------------------------------------------------------------------

    async def _finals(self) -> AsyncIterator[Unit]:
        school = Registers(
            zone=self.context.zone, scale=self.context.scale, year=self.year.name, no_year=mapper.year_key(self.year), places=self.places,
            members=self.members, courses=frozenset(self.courses), teachers=self.teachers, periods=self.periods,
            work_types=self.work_types, lists_all="groups" not in self.asker.unsure, readable=frozenset(self.readable) if self.whole else frozenset(),
        )  # fmt: skip
        reader = FinalsReader(self.api, school, self.context.today(), self._whom)
        for name, read in reader.units():
            yield Unit(name, read, self.whole)

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

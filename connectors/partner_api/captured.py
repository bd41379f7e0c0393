"""Reads a browser's capture of the partner API: the windows that a person has paged to, in place of our own.

Lessons, marks and the attendance log are captured each in windows of its own, of whole groups or of one subject. Days are
cut so that each stretch is answered by one answer of lessons and one of marks, the newest; what stands in no captured lesson
is read by itself, and what it points at may wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from canonical.batch import Batch
from canonical.coverage import Scope, Selector
from canonical.entities import Course, Lesson, PeriodMark, Record, Work
from canonical.years import Stretch
from connectors.captured_days import covers, cut, emptied
from connectors.captures import Captured, missing
from connectors.contract import Reading, Unit, ready
from connectors.errors import ConnectorError, NotCapturedError
from connectors.http import Answer
from connectors.partner_api.asking import Asker
from connectors.partner_api.captured_log import CapturedLog, Loose
from connectors.partner_api.captured_windows import Piece, Windows
from connectors.partner_api.client import Account
from connectors.partner_api.journal import Bells, View, journal_batch, own_lessons
from connectors.partner_api.mapper import Place, Taught, course_key, family_of, items_of, key_of, listed
from connectors.partner_api.parts import Part
from connectors.partner_api.people import Roster, users_of
from connectors.partner_api.reading import Reader
from connectors.partner_api.wire import id_of

_UNTOLD: Final = {
    "courses": ("teachers",),
    "groups": ("curator",),
    "lessons": ("starts_at", "ends_at", "status"),
    "people": ("birth_date", "sex"),
    "works": ("kind", "weight"),
}
"""What other lists tell than the one that brings a record."""


async def captured_account(captured: Captured, account: Callable[[], Any]) -> Account:
    """Whose capture it is; where that was not captured, the schools that it speaks of."""
    try:
        found: Account = await account()
    except NotCapturedError:
        asked = captured.every("get /v2/schools/[0-9]+(/.*)?")
        schools = {k.asked.place.split("/")[3] for k in asked}
        return Account(None, frozenset(), {s: s for s in schools} if len(schools) == 1 else {}, ())
    return found


class CapturedAsker(Asker):
    """Asks a capture. Logins are taken from whichever answers hold them."""

    captured: Captured

    async def births(self, answers: Iterable[Answer]) -> tuple[Answer, ...]:
        users = set(users_of(answers))
        found = []
        for kept in self.captured.every("post /v2/users/many|get /v2/users/[0-9]+") if users else ():
            answer = self.captured.take(kept)
            said = answer.json()
            if isinstance(said, list):
                answer = cut(answer, lambda item: key_of(item) in users)
                said = answer.json()
            if said and (isinstance(said, list) or key_of(said) in users):
                found.append(answer)
                self.read.append(answer.origin)
        return tuple(found)


class CapturedReader(Reader):
    """A reading of what was captured. Nothing of the school as a whole is taken to be complete."""

    captured: Captured
    _all_lessons = True

    async def units(self) -> AsyncIterator[Unit]:
        self.whole = False
        asker = CapturedAsker(self.api)
        asker.captured = self.captured
        self.asker = asker
        async for unit in super().units():
            yield replace(unit, read=partial(self._read, unit))

    async def _read(self, unit: Unit) -> Reading:
        reading = await unit.read()
        return replace(reading, make=partial(self._as_captured, reading))

    def _as_captured(self, reading: Reading) -> Batch:
        """What cannot be told from other lists stays as it stands; nothing is covered that depends on lists left out."""
        batch = reading.make()
        batch.untold = dict(_UNTOLD)
        of_periods = any(isinstance(r, PeriodMark) for _, rows in batch.blocks for r in rows)
        if of_periods and not self._lessons_known:
            known = {course_key(*pair) for pair in (*self.courses, *self.teachers)}
            batch.keep(lambda r: not isinstance(r, Course) or r.key in known)
        if not self.work_types:
            batch.change(_without_kind)
        if "groups" in self.asker.unsure:
            batch.scopes = [s for s in batch.scopes if s.selector is not Selector.INSTITUTION]
        return batch

    async def _closing(self) -> AsyncIterator[Unit]:
        nothing: tuple[Unit, ...] = ()
        for unit in nothing:
            yield unit

    async def _roster(self, group: str) -> Roster | None:
        """The pupils of a group by whichever of the two lists was captured; one alone does not tell who is no more."""
        if (whole := await self._roster_of_both(group)) is not None:
            return whole
        for ask in (self.api.students, self.api.persons):
            found = await self._if_captured(listed(ask(group)))
            if found is not None:
                alone = Roster(group, (found,), (), whole=False)
                self.members[group] = alone.members(self.staff)
                return alone
        return await super()._roster(group)

    async def _roster_of_both(self, group: str) -> Roster | None:
        for ask in (self.api.students, self.api.persons):
            if await self._if_captured(listed(ask(group))) is None:
                return None
        return await super()._roster(group)

    @staticmethod
    async def _if_captured(call: Any) -> Answer | None:
        try:
            answer: Answer = await call
        except ConnectorError:
            return None
        return answer

    # -- journals ------------------------------------------------------------------------------------------------

    async def _journals(self) -> AsyncIterator[Unit]:
        """Every group whose lessons or marks were captured, save those of another school; then the attendance log."""
        foreign = self._foreign()
        asked = self.captured.every("get /v2/edu-groups/[0-9]+/(subjects/[0-9]+/)?(lessons|marks)/.*")
        found = {k.asked.place.split("/")[3] for k in asked} - foreign
        for group in sorted(found - self.places.keys()):
            self.places[group] = Place(None)
        pupils = {person for members in self.members.values() for person in members} if foreign else None
        self._log = CapturedLog(self.captured, is_of_school=lambda group: group not in foreign, pupils=pupils)
        queue = [g for g in self.places if self._is_by_itself(g) or g in found]
        for group in queue:  # grows by metagroups that only lessons show
            async for unit in self._journal(group, queue):
                yield unit
        for loose in self._log.loose():
            yield ready(loose.name, self._loose_log(loose))

    def _foreign(self) -> set[str]:
        """Groups that stand in the captured list of another school, and in none of this one's."""
        found: set[str] = set()
        for kept in self.captured.every("get /v2/schools/[0-9]+/edu-groups"):
            if kept.asked.place.split("/")[3] != self.school:
                found |= {key for item in items_of(self.captured.take(kept)) if (key := key_of(item))}
        return found - self.places.keys()

    @property
    def _lessons_known(self) -> bool:
        """Whether all lessons up to now were captured: else it is not known which courses there are."""
        return self._all_lessons and "groups" not in self.asker.unsure

    async def _journal(self, group: str, queue: list[str]) -> AsyncIterator[Unit]:
        windows = Windows(self.captured, group)
        if not windows.lessons:
            self._all_lessons = False
        if not windows:
            if self.places[group].kind != "subgroup":
                yield missing(f"lessons {group}")
            return
        bells, told = await self._bells_of(group)
        pieces = windows.pieces(Stretch(self.year.start, self.year.end))
        until = min(self.year.end, self.context.today())
        held = [p.days for p in pieces if p.lessons and p.complete and p.subject is None]
        self._all_lessons = self._all_lessons and covers(held, Stretch(self.year.start, until))
        taught = Taught(whole=False)
        for piece in pieces:
            if piece.lessons:
                taught.take(items_of(piece.lessons), piece.lessons.origin)
        yield await self._courses(group, taught, queue, told)
        view = View(
            self.context.zone,
            self.context.scale,
            self.work_types,
            bells,
            family_of(self.places, group),
            (frozenset(queue) - {group}) & taught.groups(),
        )
        here = {k for p in pieces if p.lessons for k in (key_of(i) for i in items_of(p.lessons)) if k}
        for piece in pieces:
            of = f"{group}{f' {piece.subject}' if piece.subject else ''} {piece.days.start} {piece.days.end}"
            only_marks = piece.lessons is None and not piece.complete
            if piece.lessons and items_of(piece.lessons) and piece.marks is None:
                yield missing(f"marks {of}")
            read = partial(self._read_window, view, group, piece, frozenset(here))
            yield Unit(f"{'marks' if only_marks else 'lessons'} {of}", read)

    async def _read_window(self, view: View, group: str, piece: Piece, captured_lessons: frozenset[str]) -> Reading:
        lessons, marks, days = piece.lessons, piece.marks, piece.days
        own = lessons or (marks and emptied(marks))
        assert own is not None  # noqa: S101 - a piece is answered by one of the two at least
        keys = {k for item in items_of(own) if (k := key_of(item))}
        works = {w for item in items_of(own) for w in _works(item)}

        def belongs(item: Any) -> bool:
            lesson, work = id_of(item, "lesson"), id_of(item, "work")
            if lesson in keys or work in works:
                return True
            return lessons is None and (not piece.complete or lesson not in captured_lessons)

        marked = tuple(cut(a, belongs) for a in (marks, *piece.more) if a)
        said = Part((own,))
        read = own_lessons(view, said) if lessons else []
        wanted = {key for item in read if (key := key_of(item))}
        logs, noted = self._log.of(read)
        told_all = marks is not None and noted >= wanted
        holds = {"lessons", "works"} if lessons else set()
        holds |= {"marks"} if marks or not items_of(own) else set()
        holds |= {"attendance"} if lessons and noted >= wanted and not piece.apart else set()

        known = {pair for pair in (*self.courses, *self.teachers) if pair[0] == group}
        courses = [course_key(group, piece.subject)] if piece.subject else []
        if piece.apart:
            courses = sorted(course_key(*pair) for pair in known if pair[1] not in piece.apart)

        def make() -> Batch:
            batch = journal_batch(view, said, Part(marked), Part(tuple(logs)), days)
            if not told_all:
                batch.change(_unless_planned)
            batch.scopes = [s for s in batch.scopes if piece.complete and s.entity in holds]
            if piece.subject or piece.apart:
                batch.scopes = _by_course(batch.scopes, group, courses, alone=piece.subject is not None)
            if piece.complete and lessons and "attendance" not in holds:
                batch.covers(*(Scope("attendance", Selector.LESSON, key) for key in sorted(noted & wanted)))
            return batch

        return Reading([a for a in (lessons, marks, *piece.more, *logs) if a], make)

    def _loose_log(self, loose: Loose) -> Reading:
        """Entries of the log for lessons that were not captured, which may wait for them."""
        view = View(self.context.zone, self.context.scale, self.work_types, Bells(), (), frozenset())
        days = Stretch(self.year.start, self.year.end)

        def make() -> Batch:
            batch = journal_batch(view, Part(), Part(), Part(tuple(loose.answers)), days)
            batch.covers(*loose.scopes)
            return batch

        return Reading(list(loose.answers), make)


def _by_course(scopes: Sequence[Scope], group: str, courses: Sequence[str], *, alone: bool) -> list[Scope]:
    """What is complete of these courses of a group; `alone`: of its subgroups nothing is."""
    found = [s for s in scopes if s.selector_key != group and not alone]
    own = [s for s in scopes if s.selector_key == group]
    return found + [replace(s, selector=Selector.COURSE, selector_key=course) for s in own for course in courses]


def _works(lesson: Any) -> Sequence[str]:
    works = lesson.get("works") if isinstance(lesson, dict) else None
    return [k for w in works if (k := key_of(w))] if isinstance(works, list) else []


def _unless_planned(record: Record) -> Record:
    """A lesson without a sign of having been held: whether it was, is not known where marks or the log are missing."""
    if isinstance(record, Lesson) and record.status == "planned":
        return msgspec.structs.replace(record, status=None)
    return record


def _without_kind(record: Record) -> Record:
    return msgspec.structs.replace(record, kind=None) if isinstance(record, Work) else record

"""The АСУ РСО connector, SPO module: reads lists, then the journals group by group (portal facts A5).

What a page says of its pupils only all pages of the group together make clear (`structure`), so the pages of one group
are read before its first unit is given. A later unit points only at what an earlier one brings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from canonical.batch import Batch
from canonical.years import AcademicYear
from connectors.asking import REFUSALS, attempt, together, unless_denied
from connectors.asurso import mapper
from connectors.asurso.cards import Cards
from connectors.asurso.checks import check
from connectors.asurso.client import Client
from connectors.asurso.coverage import Progress, of_everything
from connectors.asurso.directory import Directory
from connectors.asurso.group import GroupReading
from connectors.asurso.student import own_rows, own_students
from connectors.asurso.values import by_number, id_of
from connectors.contract import (
    CheckLine,
    Connector,
    Context,
    Reading,
    RemoteInstitution,
    Unit,
    Window,
    digest_of,
    failed,
    ready,
)
from connectors.errors import ConnectorError
from connectors.http import Answer
from connectors.wire import as_list

Answered = TypeVar("Answered", Answer, list[Answer])


def open_connector(context: Context) -> Connector:
    """The connector for the SPO module. Made within the event loop that uses it."""
    if context.from_capture:
        from connectors.asurso.captured import CapturedSpoConnector  # noqa: PLC0415 - builds on this module

        return CapturedSpoConnector(context)
    return SpoConnector(context)


@dataclass(frozen=True)
class Lists:
    """What the institution's lists answered.

    Where the account may not read a list that is needed, its refusal stands in its place; one that only adds names is
    null then.
    """

    students: list[Answer] | ConnectorError
    employees: Answer | ConnectorError
    groups: Answer | ConnectorError
    journals: Answer | ConnectorError
    departments: Answer | None
    specialities: Answer | None
    subjects: Answer | None
    calendars: Answer | None
    positions: Answer | None = None

    def answers(self) -> list[Answer]:
        """All that was answered."""
        several = self.students if isinstance(self.students, list) else []
        plans = (self.departments, self.specialities, self.subjects, self.calendars, self.positions)
        return [*several, *(a for a in (self.employees, self.groups, self.journals, *plans) if isinstance(a, Answer))]

    def whole(self) -> bool:
        """Whether all that are needed were read, none of them empty."""
        needed = (self.employees, self.groups, self.journals)
        return isinstance(self.students, list) and all(isinstance(a, Answer) and a.json() is not None for a in needed)

    def directory(self) -> Directory:
        """Who and what they name."""
        return Directory.of(
            students=read_or_none(self.students),
            staff=read_or_none(self.employees),
            subjects=self.subjects,
            groups=(read_or_none(self.groups), read_or_none(self.journals)),
        )

    def with_journal(self) -> set[str] | None:
        """The groups that have journals; null where that is not told."""
        journals = read_or_none(self.journals)
        said = journals.json() if journals else None
        listed = {number for item in as_list(said, where="student-groups") if (number := id_of(item))}
        return listed if said is not None else None


class SpoConnector:
    """Reads one institution of the SPO module for one source."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = Client(context)

    async def check(self) -> list[CheckLine]:
        """Whether the portal can be reached, the account is good, and what it may read."""
        return await check(self._client, self._context.today(), history=self._context.config.history)

    async def discover(self) -> list[RemoteInstitution]:
        """The institutions (tenants) that the account belongs to."""
        self._client.manner.choosing = False
        await self._client.sign_in()
        return [RemoteInstitution(t.key, t.name) for t in self._client.manner.account.tenants.values()]

    async def close(self) -> None:
        """Gives the session back to the account."""
        await self._client.close()

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        """The lists, then group by group its journals and sheets, at last what all that covers.

        With a student's or a parent's account: the days and marks of their own.
        """
        students = await attempt(self._client.students())
        kept, own = own_students(self._context, self._client.manner.tenant)
        if kept and own:
            async for unit in own_rows(self._context, self._client, window, own, kept):
                yield unit
            return
        if kept:
            yield ready("account", Reading([kept], Batch))
        lists = await self._lists(students)
        directory = lists.directory()
        for unit in self._list_units(lists, directory, window):
            yield unit
        progress = Progress(window.year.start, [a.origin for a in lists.answers()])
        if not lists.whole():
            progress.missed()
        with_journal = lists.with_journal()
        cards = Cards(self._client, directory) if self._context.config.history else None
        if cards:
            await cards.of_everybody()
            progress.movement = cards.movement.whole
        groups = {*directory.levels, *(with_journal or ()), *directory.placed}
        for group in sorted(groups, key=by_number):
            reading = GroupReading(self._context, self._client, window, directory, progress, group, cards)
            async for unit in reading.units(with_journal=None if with_journal is None else group in with_journal):
                yield unit
        if cards:
            people = {directory.student_key(number) for number in directory.students or ()}
            batch = cards.movement.elsewhere(groups, people)
            yield ready("decrees", Reading(cards.origins, partial(_as_it_is, batch)))
            for unit in (*cards.lost,):
                yield unit
        plans = lists.subjects is not None and lists.calendars is not None
        current = AcademicYear.of(self._context.today())
        batch = Batch()
        batch.covers(*of_everything(window, current, directory, progress, plans=plans))
        if batch.scopes:
            yield ready(f"everything/{window.year.name}", Reading(progress.origins, lambda: batch))

    async def _lists(self, students: list[Answer] | ConnectorError) -> Lists:
        """Reads the lists; that of students, the first, is there already.

        Raises:
            UnexpectedAnswerError: one that journals depend on is useless: what it says must not be taken for nothing.

        """
        client = self._client
        needed = await together(attempt(a) for a in (client.employees(), client.groups(), client.journal_groups()))
        plans = [client.departments(), client.specialities(), client.subjects(), client.calendars()]
        adding = await together(attempt(unless_denied(ask)) for ask in plans)
        for answer in (students, *needed, *adding):
            if isinstance(answer, ConnectorError) and not isinstance(answer, REFUSALS):
                raise answer
        departments, specialities, subjects, calendars = (a if isinstance(a, Answer) else None for a in adding)
        employees, groups, journals = needed
        positions = await unless_denied(client.positions()) if _lacks_positions(employees) else None
        return Lists(students, employees, groups, journals, departments, specialities, subjects, calendars, positions)

    def _list_units(self, lists: Lists, directory: Directory, window: Window) -> Iterator[Unit]:
        current = AcademicYear.of(self._context.today())
        yield _unit("students", lists.students, partial(mapper.students, directory=directory), directory.staff_digest)
        positions = digest_of([lists.positions]) if lists.positions else ""
        yield _unit("employees", lists.employees, partial(mapper.staff, positions=lists.positions), positions)
        listed, journals = read_or_none(lists.groups), read_or_none(lists.journals)
        naming = [a for a in (listed, journals, lists.departments, lists.specialities) if a]
        make = partial(mapper.groups, listed, journals, lists.departments, lists.specialities, current)
        if listed or journals:
            yield ready("groups", Reading(naming, make, current.name))
        for name, answer in (("groups/all", lists.groups), ("groups/journals", lists.journals)):
            if isinstance(answer, ConnectorError):
                yield failed(name, answer)
        if lists.subjects:
            yield _unit("subjects", lists.subjects, mapper.subjects)
        if lists.calendars:
            calendars = partial(mapper.calendars, year=window.year, current=current, directory=directory)
            yield _unit(
                f"calendars/{window.year.name}", lists.calendars, calendars, f"{current.name} {digest_of(naming)}"
            )


def read_or_none(answer: Answered | ConnectorError) -> Answered | None:
    """The answer; null where it could not be read."""
    return None if isinstance(answer, ConnectorError) else answer


def _lacks_positions(employees: Answer | ConnectorError) -> bool:
    """Whether somebody's position has an id and no name."""
    said = employees.json() if isinstance(employees, Answer) else None
    items = said if isinstance(said, list) else []
    return any(isinstance(i, Mapping) and i.get("positionId") and not i.get("positionName") for i in items)


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _unit(name: str, answer: Answered | ConnectorError, make: Callable[[Answered], Batch], context: str = "") -> Unit:
    """The unit of a list; if it could not be read, one that fails."""
    if isinstance(answer, ConnectorError):
        return failed(name, answer)
    return ready(name, Reading(answer if isinstance(answer, list) else [answer], partial(make, answer), context))

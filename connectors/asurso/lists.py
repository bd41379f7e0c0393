"""The lists of an institution: what was answered, and the units that are made of it (portal facts A5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from canonical.batch import Batch
from canonical.years import AcademicYear
from connectors.asking import REFUSALS, attempt, together, unless_denied
from connectors.asurso import mapper
from connectors.asurso.client import Client
from connectors.asurso.directory import Directory
from connectors.asurso.values import id_of
from connectors.contract import Reading, Unit, Window, digest_of, failed, ready
from connectors.errors import ConnectorError
from connectors.http import Answer
from connectors.wire import as_list

Answered = TypeVar("Answered", Answer, list[Answer])


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
            students=_or_none(self.students),
            staff=_or_none(self.employees),
            subjects=self.subjects,
            groups=(_or_none(self.groups), _or_none(self.journals)),
        )

    def with_journal(self) -> set[str] | None:
        """The groups that have journals; null where that is not told."""
        journals = _or_none(self.journals)
        said = journals.json() if journals else None
        listed = {number for item in as_list(said, where="student-groups") if (number := id_of(item))}
        return listed if said is not None else None


async def read_lists(client: Client, students: list[Answer] | ConnectorError) -> Lists:
    """Reads the lists; that of students, the first, is there already.

    Raises:
        UnexpectedAnswerError: one that journals depend on is useless: what it says must not be taken for nothing.

    """
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


def list_units(lists: Lists, directory: Directory, window: Window, current: AcademicYear) -> Iterator[Unit]:
    """The units of the lists."""
    yield _unit("students", lists.students, partial(mapper.students, directory=directory), directory.staff_digest)
    positions = digest_of([lists.positions]) if lists.positions else ""
    yield _unit("employees", lists.employees, partial(mapper.staff, positions=lists.positions), positions)
    listed, journals = _or_none(lists.groups), _or_none(lists.journals)
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
        yield _unit(f"calendars/{window.year.name}", lists.calendars, calendars, f"{current.name} {digest_of(naming)}")


def _or_none(answer: Answered | ConnectorError) -> Answered | None:
    """The answer; null where it could not be read."""
    return None if isinstance(answer, ConnectorError) else answer


def _lacks_positions(employees: Answer | ConnectorError) -> bool:
    """Whether somebody's position has an id and no name."""
    said = employees.json() if isinstance(employees, Answer) else None
    items = said if isinstance(said, list) else []
    return any(isinstance(i, Mapping) and i.get("positionId") and not i.get("positionName") for i in items)


def _unit(name: str, answer: Answered | ConnectorError, make: Callable[[Answered], Batch], context: str = "") -> Unit:
    """The unit of a list; if it could not be read, one that fails."""
    if isinstance(answer, ConnectorError):
        return failed(name, answer)
    return ready(name, Reading(answer if isinstance(answer, list) else [answer], partial(make, answer), context))

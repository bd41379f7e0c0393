"""Reads the lists of a school, and makes units of them (portal facts B2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from canonical.years import AcademicYear
from connectors.asking import REFUSALS, attempt, together, unless_denied
from connectors.asurso.school import structure
from connectors.asurso.school.client import Client
from connectors.asurso.school.lists import Answered, Lists
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.taught import Curriculum
from connectors.asurso.values import by_number, id_of
from connectors.contract import Reading, Unit, digest_of, failed, ready
from connectors.errors import ConnectorError
from connectors.http import Answer


class Listing:
    """Reads the lists."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self) -> Lists:
        """The lists.

        Raises:
            UnexpectedAnswerError: one that journals depend on is useless: what it says must not be taken for nothing.

        """
        client = self._client
        year = await client.year()
        types, init = await unless_denied(client.assignment_types()), await unless_denied(client.init())
        classes, subjects, terms = await together(
            attempt(ask) for ask in (client.classes(), client.subjects(), client.terms())
        )
        lists = Lists(year, _needed(classes), _needed(subjects), _needed(terms), types, init)
        if lists.staff_side:
            lists = replace(lists, pupils=await self._by_key(lists.class_ids, client.pupils))
        else:
            lists = replace(lists, own=await self._own(init))
        lists = replace(lists, taught=await self._taught(lists))
        if lists.staff_side:
            lists = replace(
                lists, rosters=await self._by_key(sorted(lists.groups_listed, key=by_number), client.roster)
            )
        return replace(lists, terms_of=await self._terms_of(lists))

    async def _by_key(self, keys: Iterable[str], ask: Any) -> dict[str, Answered]:
        wanted = list(keys)
        answers: list[Answered] = await together(attempt(ask(key)) for key in wanted)
        return {key: _needed(answer) for key, answer in zip(wanted, answers, strict=True)}

    async def _taught(self, lists: Lists) -> dict[str, Answered]:
        if lists.staff_side:
            return await self._by_key(lists.class_ids, self._client.subject_groups)
        asks = [(number, next(iter(pupils))) for number, (_, pupils) in lists.own.items() if pupils]
        answers: list[Answered] = await together(attempt(self._client.subject_groups(n, pupil)) for n, pupil in asks)
        return {number: answer for (number, _), answer in zip(asks, answers, strict=True)}

    async def _terms_of(self, lists: Lists) -> dict[str, Answered]:
        """Which class has which terms: asked only where the school has more than one schedule."""
        year = lists.academic_year
        if year is None or len({t.kind for t in Terms(lists, year).all}) < 2:
            return {}
        ids = lists.class_ids
        answers: list[Answered] = await together(attempt(self._client.terms_of(n, year.start, year.end)) for n in ids)
        return dict(zip(ids, answers, strict=True))

    async def _own(self, init: Answer | None) -> dict[str, tuple[str | None, dict[str, str]]]:
        """The account's own pupils by class, where it may not see the school's classes."""
        said = init.json() if init else None
        students = said.get("students") if isinstance(said, Mapping) else None
        items = list(students.values()) if isinstance(students, Mapping) else students
        found: dict[str, tuple[str | None, dict[str, str]]] = {}
        for item in items if isinstance(items, list) else ():
            number, name = id_of(item, "studentId"), item.get("nickName")
            school_class = id_of(item, "classId")
            title = item.get("className")
            if number is None:
                continue
            if school_class in {None, "0"}:
                school_class, title = await self._class_in_form()
            kept = found.setdefault(school_class or "own", (title if isinstance(title, str) else None, {}))
            kept[1][number] = name if isinstance(name, str) else ""
        return found

    async def _class_in_form(self) -> tuple[str | None, str | None]:
        """The class of the account's own pupil as a report's form offers it."""
        form = await unless_denied(self._client.form("studenttotalmarks"))
        said = form[1].json() if form else {}
        for source in said.get("filterSources") or ():
            if isinstance(source, Mapping) and source.get("filterId") in {"PCLID", "PCLID_IUP"}:
                for item in source.get("items") or ():
                    value = id_of(item, "value")
                    if value:
                        return value.partition("_")[0], item.get("title")
        return None, None


def _needed(answer: Answered) -> Answered:
    """An answer, or that the account may not have it; that it is useless must stop the source."""
    if isinstance(answer, ConnectorError) and not isinstance(answer, REFUSALS):
        raise answer
    return answer


def list_units(lists: Lists, made: Curriculum, terms: Terms, year: AcademicYear) -> Iterator[Unit]:
    """What the lists say of the school."""
    context = digest_of(lists.answers())
    everything = [a.origin for a in lists.answers()]
    yield ready("staff", Reading(everything, partial(structure.staff, lists)))
    yield ready(f"classes/{year.name}", Reading(everything, partial(structure.classes, lists, year)))
    if not lists.staff_side:
        yield ready(f"pupils/{year.name}", Reading(everything, partial(structure.own_pupils, lists)))
    for number in sorted(lists.pupils, key=by_number):
        answer = lists.pupils[number]
        make = partial(structure.pupils, lists, number)
        yield _unit(f"pupils/{number}", answer, make, str(sorted(lists.teachers)))
    if isinstance(lists.classes, ConnectorError):
        yield failed("classes", lists.classes)
    yield _unit("subjects", lists.subjects, structure.subjects)
    yield ready(f"courses/{year.name}", Reading(everything, partial(structure.courses, made, year), context))
    for number in sorted(lists.taught, key=by_number):
        answer = lists.taught[number]
        if isinstance(answer, ConnectorError):
            yield failed(f"courses/{number}", answer)
    refused = [a for a in lists.rosters.values() if isinstance(a, ConnectorError)]
    if refused:
        yield failed("rosters", refused[0])
    yield ready(f"periods/{year.name}", Reading(everything, terms.batch, context))


def _unit(name: str, answer: Answered, make: Any, context: str = "") -> Unit:
    if isinstance(answer, ConnectorError):
        return failed(name, answer)
    return ready(name, Reading([answer], partial(make, answer), context))

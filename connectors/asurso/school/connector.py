"""The connector for the school module: the lists, then stretch by stretch the diaries of all pupils (portal facts B2-B4).

The portal shows the journal pupil by pupil, and one lesson is in the diaries of many; so all diaries of a stretch are read
before its first unit is given, and its records then go class by class.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from canonical.batch import Batch, Drift, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.years import AcademicYear, Stretch
from connectors.archive import digest
from connectors.asking import REFUSALS, attempt, together, unless_denied
from connectors.asurso.school import structure, wire
from connectors.asurso.school.checks import GIVES, check
from connectors.asurso.school.client import Client, Form
from connectors.asurso.school.diaries import Diaries, SeenLesson, SeenWork
from connectors.asurso.school.finals import Around, period_marks
from connectors.asurso.school.journal import Evidence, Home, Surroundings, Timetable, course_of, journal
from connectors.asurso.school.lists import Answered, Lists
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.reports import attendance_and_marks, entries
from connectors.asurso.school.taught import Curriculum, curriculum
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
from connectors.errors import ConnectorError, NotFoundError
from connectors.http import Answer
from connectors.wire import read_each

_CARDS_REFUSED: Final = 5
"""So many cards refused, and none given, say that the account may not read any."""

_AT_ONCE: Final = 50
"""Diaries held in memory at once as they came."""

_SERVER_ZONE: Final = 3
"""What the portal's own page sends as the server's time zone (portal facts B4.2)."""


def open_connector(context: Context) -> Connector:
    """The connector for the school module. Made within the event loop that uses it."""
    if context.from_capture:
        from connectors.asurso.school.captured import CapturedSchoolConnector  # noqa: PLC0415 - builds on this module

        return CapturedSchoolConnector(context)
    return SchoolConnector(context)


class SchoolConnector:
    """Reads one school for one source."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = Client(context)

    async def check(self) -> list[CheckLine]:
        """Whether the portal can be reached, the account is good, and what it may read."""
        return await check(self._client)

    async def discover(self) -> list[RemoteInstitution]:
        """The school that the account is signed in to, by the name or id that names it, and the account's others."""
        await self._client.year()
        manner = self._client.manner
        own = manner.school or ""
        here = RemoteInstitution((self._context.config.remote_id or own).strip(), manner.name or own)
        others = (RemoteInstitution(n, name) for n, name in manner.organizations.items() if n != own)
        return [here, *others]

    async def close(self) -> None:
        """Ends the session: a forgotten one would warn the account's owner."""
        await self._client.close()

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        """The lists, then the stretches of the window, at last the marks of periods."""
        lists = await Listing(self._client).read()
        year = lists.academic_year or AcademicYear.of(self._context.today())
        if year != window.year:  # classes are known of the session's year only (portal facts B2.1)
            if window.explicit:
                why = f"the portal names the classes of {year.name} only; {window.year.name} cannot be read from it any more"
                yield failed(f"year/{window.year.name}", NotFoundError(why))
            return
        made, terms = curriculum(lists), Terms(lists, year)
        for unit in list_units(lists, made, terms, year):
            yield unit
        run = Run(self._context, self._client, window, lists, made, terms, _about_reports(self._client.manner.about))
        asked = [*(a.origin for a in lists.answers()), *await run.prepare()]
        yield ready(f"asked/{year.name}", Reading(asked, partial(_strange, run.strange_filters())))
        for unit in run.lost:
            yield unit
        for piece in terms.pieces(window):
            async for unit in run.piece(piece):
                yield unit
        if self._asks_for_finals(window):
            async for unit in run.finals():
                yield unit
        if not window.explicit:
            batch = Batch()
            batch.covers(*structure.of_everything(lists, year))
            if batch.scopes:
                origins = [a.origin for a in lists.answers()]
                yield ready(f"everything/{year.name}", Reading(origins, lambda: batch))

    def _asks_for_finals(self, window: Window) -> bool:
        """Marks of periods have no date: they are as of today."""
        return not window.explicit or window.since <= self._context.today() <= window.until


def _about_reports(about: Mapping[str, Any]) -> dict[str, Any]:
    """What every report is told: of which school and year, and how to write dates."""
    return {
        "SCHOOLYEARID": str(about.get("schoolYearId") or ""),
        "SERVERTIMEZONE": _SERVER_ZONE,
        "FULLSCHOOLNAME": str(about.get("organizationName") or ""),
        "DATEFORMAT": str(about.get("dateFormat") or ""),
    }


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


def _strange(filters: Iterable[str]) -> Batch:
    """A batch of no records, which tells of the filters of reports that nobody knows."""
    batch = Batch()
    batch.drift.update(Drift("unknown_value", "ReportForm", f"filterId={name}") for name in filters)
    return batch


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in runs of so many."""
    return (items[n : n + size] for n in range(0, len(items), size))


def _unit(name: str, answer: Answered, make: Any, context: str = "") -> Unit:
    if isinstance(answer, ConnectorError):
        return failed(name, answer)
    return ready(name, Reading([answer], partial(make, answer), context))


class Run:
    """The reading of one window. `lost` are units that could not be read at all."""

    def __init__(
        self,
        context: Context,
        client: Client,
        window: Window,
        lists: Lists,
        made: Curriculum,
        terms: Terms,
        params: Mapping[str, Any],
    ) -> None:
        self._context = context
        self._client = client
        self._window = window
        self._lists = lists
        self._made = made
        self._terms = terms
        self._params = {**params, "SCHOOLYEARID": lists.year_id or params.get("SCHOOLYEARID")}
        self._forms: dict[str, Form] = {}
        self._around = Surroundings(lists, made, {}, context.zone, context.scale)
        self._cards: dict[str, tuple[Any, Any]] = {}
        self._cards_refused = 0
        self.students = sorted(lists.class_of, key=by_number)
        self.lost: list[Unit] = []

    async def prepare(self) -> list[Origin]:
        """What the reading of every stretch needs: the forms of reports, and the bells. Gives what was answered."""
        asked: list[Origin] = []
        for report in GIVES:
            try:
                self._forms[report], answer = await self._client.form(report)
                asked.append(answer.origin)
            except ConnectorError as error:
                if error.stops == "source":
                    raise
                self.lost.append(failed(f"reports/{report}", error))
        bells = await unless_denied(self._client.bells())
        self._around = Surroundings(self._lists, self._made, _bells(bells), self._context.zone, self._context.scale)
        return [*asked, *([bells.origin] if bells else [])]

    def strange_filters(self) -> list[str]:
        """What reports ask for that the connector does not know."""
        return sorted({name for form in self._forms.values() for name in form.strange})

    # -- a stretch of days -----------------------------------------------------------------------------------------------

    async def piece(self, piece: Stretch) -> AsyncIterator[Unit]:
        """The units of one stretch, class by class; then what could not be read, and what it covers."""
        lost: list[Unit] = []
        diaries = Diaries(piece.start, piece.end)
        evidence = Evidence(diaries)
        read = await self._diaries(piece, evidence, lost)
        if not diaries.lessons and not diaries.unkeyed and not diaries.loose and not read:
            for unit in lost:
                yield unit
            return
        evidence.meetings = await self._meetings(piece, evidence)
        await self._read_cards(evidence)
        spans = await self._read_absences(piece, evidence, read, lost)
        await self._read_entries(piece, evidence, lost)
        made = journal(evidence, self._around)
        for name in sorted(made, key=by_number):
            yield self._unit(f"journal/{name}/{piece.start}", made[name], piece)
        scopes = list(self._scopes(piece, evidence, read, spans))
        asked = evidence.asked()
        batch = Batch()
        batch.covers(*scopes)
        text = digest(msgspec.json.encode(scopes))
        yield ready(f"covered/{piece.start}", Reading(asked, lambda: batch, text), whole=piece.whole)
        for unit in lost:
            yield unit

    def _unit(self, name: str, home: Home, piece: Stretch) -> Unit:
        context = digest(msgspec.json.encode([records for _, records in home.batch.blocks]))
        origins = [home.origins[r] for r in sorted(home.origins)]
        return ready(name, Reading(origins, lambda: home.batch, context), whole=piece.whole)

    async def _diaries(self, piece: Stretch, evidence: Evidence, lost: list[Unit]) -> set[str]:
        """Reads the diaries; gives the pupils whose was read."""
        read: set[str] = set()
        for some in batched(self.students, _AT_ONCE):
            asks = (attempt(self._client.diary(s, self._lists.year_id, piece.start, piece.end)) for s in some)
            for student, answer in zip(some, await together(asks), strict=True):
                try:
                    if isinstance(answer, ConnectorError):
                        raise answer
                    evidence.diaries.take(student, answer)
                    evidence.others.append(answer.origin)
                    read.add(student)
                except ConnectorError as error:
                    lost.append(failed(f"diary/{student}/{piece.start}", error))
                    if not isinstance(error, REFUSALS):
                        evidence.unsure.add(student)
        if evidence.unsure:  # whose lessons theirs are is not known: those of their classes may be
            classes = {self._lists.class_of[s] for s in evidence.unsure}
            evidence.unsure |= {s for s in self.students if self._lists.class_of[s] in classes}
        return read

    async def _meetings(self, piece: Stretch, evidence: Evidence) -> Timetable | None:
        """The timetable of the classes, where it may be seen."""
        ids = self._lists.class_ids
        answers = await together(attempt(self._client.meetings(n, piece.start, piece.end)) for n in ids)
        made = Timetable()
        for number, answer in zip(ids, answers, strict=True):
            if isinstance(answer, Answer) and isinstance(answer.json(), list):
                made.take(number, answer.json())
                evidence.others.append(answer.origin)
        return made if made.by_place or made.by_id else None

    # -- cards -----------------------------------------------------------------------------------------------------------

    async def _read_cards(self, evidence: Evidence) -> None:
        """Asks for the cards of assignments whose weight, or whose course, the diaries do not say."""
        wanted = [work for lesson, work in evidence.diaries.works() if self._needs_card(lesson, work, evidence)]
        if wanted and self._cards_refused >= 0:
            first, rest = wanted[:_CARDS_REFUSED], wanted[_CARDS_REFUSED:]
            await self._ask_cards(first, evidence)
            if self._cards_refused < _CARDS_REFUSED:
                await self._ask_cards(rest, evidence)
            else:
                self._cards_refused = -1

    def _needs_card(self, lesson: SeenLesson | None, work: SeenWork, evidence: Evidence) -> bool:
        one = work.copies.made
        if one is not None and self._lists.weighted and not one.weight:
            return True
        if lesson is None:
            return True
        found = course_of(lesson, evidence, self._around)
        return found is None or found[2] is None

    async def _ask_cards(self, works: list[SeenWork], evidence: Evidence) -> None:
        answers = await together(attempt(self._client.card(w.key, w.pupils[0])) for w in works)
        for work, answer in zip(works, answers, strict=True):
            if isinstance(answer, Answer):
                self._cards_refused = min(self._cards_refused, 0)
                evidence.cards[work.key] = (answer.json(), answer.origin)
            elif isinstance(answer, REFUSALS):
                self._cards_refused += 1
            else:
                evidence.lost_cards.add(work.key)

    # -- reports ---------------------------------------------------------------------------------------------------------

    async def _read_absences(
        self, piece: Stretch, evidence: Evidence, read: set[str], lost: list[Unit]
    ) -> dict[str, tuple[date, date]]:
        """Reads the report of attendance of each pupil; gives the days that were asked for. Days to come have none."""
        form = self._forms.get("studenttotal")
        marked = any(work.marks for _, work in evidence.diaries.works())
        if form is None or (piece.start > self._context.today() and not marked):
            return {}
        spans: dict[str, tuple[date, date]] = {}
        asks = [(s, term, days) for s in self.students if s in read for term, days in self._asked(s, piece)]
        answers = await together(attempt(self._report(form, s, days, term=term)) for s, term, days in asks)
        for (student, _, (since, until)), answer in zip(asks, answers, strict=True):
            try:
                if isinstance(answer, ConnectorError):
                    raise answer
                cells, broken = attendance_and_marks(answer, since, until)
            except ConnectorError as error:
                lost.append(failed(f"attendance/{student}/{piece.start}", error))
                spans.pop(student, None)
                if not isinstance(error, REFUSALS):
                    evidence.unsure.add(student)
                continue
            evidence.others.append(answer.origin)
            before = evidence.absences.get(student, ([], [], answer.origin))
            evidence.absences[student] = ([*before[0], *cells], [*before[1], *broken], answer.origin)
            first = spans.get(student, (since, until))
            spans[student] = (min(first[0], since), max(first[1], until))
        return spans

    def _asked(self, student: str, piece: Stretch) -> Iterator[tuple[str | None, tuple[date, date]]]:
        """The terms of a pupil's class that a stretch touches, each with its days in it."""
        own = self._terms.of_class(self._lists.class_of[student])
        terms = [t for t in own if t.touches(piece.start, piece.end)]
        if not terms and (not own or any(t.start is None or t.end is None for t in own)):
            yield None, (piece.start, piece.end)
        for term in terms:
            if term.start and term.end:
                yield term.key, (max(piece.start, term.start), min(piece.end, term.end))

    async def _read_entries(self, piece: Stretch, evidence: Evidence, lost: list[Unit]) -> None:
        """Reads when marks were entered: for each pupil and subject that has any."""
        form = self._forms.get("studentgrades")
        if form is None:
            return
        wanted: dict[tuple[str, str], list[date]] = {}
        for lesson in evidence.diaries.lessons.values():
            found = course_of(lesson, evidence, self._around)
            if found is None or found[2] is None or lesson.day is None:
                continue
            for student in {s for w in lesson.works.values() for s, m in w.marks.items() if _has_value(m.mark)}:
                wanted.setdefault((student, found[2]), []).append(lesson.day)
        asks = [
            (student, taught, term, days)
            for (student, taught), on in sorted(wanted.items())
            for term, days in self._asked(student, piece)
            if any(days[0] <= one <= days[1] for one in on)
        ]
        answers = await together(
            attempt(self._report(form, student, days, term=term, taught=taught)) for student, taught, term, days in asks
        )
        for (student, taught, _, _), answer in zip(asks, answers, strict=True):
            try:
                if isinstance(answer, ConnectorError):
                    raise answer
                rows, broken = entries(answer)
            except ConnectorError as error:
                lost.append(failed(f"entries/{student}/{taught}/{piece.start}", error))
                continue
            evidence.others.append(answer.origin)
            before = evidence.entered.get((student, taught), ([], [], answer.origin))
            evidence.entered[student, taught] = ([*before[0], *rows], [*before[1], *broken], answer.origin)

    def _report(
        self, form: Form, student: str, days: tuple[date, date], *, term: str | None = None, taught: str | None = None
    ) -> Any:
        school_class = self._lists.class_of[student]
        given: dict[str, str | None] = {
            "SID": student,
            "PCLID": school_class,
            "PCLID_IUP": f"{school_class}_0",
            "TERMID": term,
            **({"SGID": taught} if taught else {}),
            "period": " - ".join(f"{d}T00:00:00.0000000" for d in days),
        }
        return self._client.report(form, given, self._params)

    # -- marks of periods ------------------------------------------------------------------------------------------------

    async def finals(self) -> AsyncIterator[Unit]:
        """The marks of terms and of the year, pupil by pupil; at last that nobody else has any."""
        form = self._forms.get("studenttotalmarks")
        if form is None:
            return
        around = Around(self._lists, self._made, self._terms, self._window.year, self._context.scale)
        days = (self._window.year.start, self._window.year.end)
        answers = await together(attempt(self._report(form, s, days)) for s in self.students)
        context = digest_of(self._lists.answers())
        year, whole = self._window.year.name, self._lists.pupils_whole and not self._window.explicit
        for student, answer in zip(self.students, answers, strict=True):
            name = f"finals/{student}/{year}"
            try:
                if isinstance(answer, ConnectorError):
                    raise answer
                batch = period_marks(answer, student, around)
            except ConnectorError as error:
                whole = False
                yield failed(name, error)
                continue
            whole = whole and bool(batch.scopes)
            yield ready(name, Reading([answer], partial(_as_it_is, batch), context))
        if whole and answers:
            batch = Batch()
            batch.covers(Scope("period_marks", Selector.INSTITUTION, None, Axis.ACADEMIC_YEAR, year, year))
            origins = [a.origin for a in answers if isinstance(a, Answer)]
            yield ready(f"finals/{year}", Reading(origins, partial(_as_it_is, batch)))

    # -- what is covered -------------------------------------------------------------------------------------------------

    def _scopes(
        self, piece: Stretch, evidence: Evidence, read: set[str], spans: Mapping[str, tuple[date, date]]
    ) -> Iterator[Scope]:
        """Marks and absences pupil by pupil, as they were asked for; lessons and works where all pupils were read."""
        on = (Axis.LESSON_DATE, piece.start.isoformat(), piece.end.isoformat())
        holes = {e for entity, *_, hides in evidence.diaries.unkeyed for e in (entity, *hides)}
        whole = {s: days for s, days in spans.items() if s in read and not evidence.absences[s][1]}
        for student in sorted(read, key=by_number):
            if "marks" not in holes:
                yield Scope("marks", Selector.PERSON, self._lists.key_of(student), *on)
            if student in whole:
                since, until = (d.isoformat() for d in whole[student])
                yield Scope("attendance", Selector.PERSON, self._lists.key_of(student), Axis.LESSON_DATE, since, until)
        if not self._lists.staff_side:
            return
        entities = [e for e in ("lessons", "works") if e not in holes]
        if evidence.lost_cards and "works" in entities:
            entities.remove("works")
        if self.students and self._lists.pupils_whole and set(self.students) <= read:
            entities += ["marks"] if "marks" not in holes else []
            yield from (Scope(e, Selector.INSTITUTION, None, *on) for e in entities)
            if set(self.students) <= whole.keys():  # whoever is not in the lists any more has no absences either
                first, last = max(a for a, _ in whole.values()), min(b for _, b in whole.values())
                if first <= last:
                    days = (Axis.LESSON_DATE, first.isoformat(), last.isoformat())
                    yield Scope("attendance", Selector.INSTITUTION, None, *days)
            return
        for one in self._made.taught.values():
            if one.pupils and one.pupils <= read:
                yield from (Scope(e, Selector.COURSE, one.key, *on) for e in entities)


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _has_value(mark: Any) -> bool:
    return isinstance(mark, Mapping) and mark.get("mark") is not None


def _bells(answer: Answer | None) -> dict[tuple[int, int, int], tuple[str, str]]:
    """Beginning and end of a lesson by the day of the week (1: Sunday), shift and number; bells in use come first."""
    found: dict[tuple[int, int, int], tuple[str, str]] = {}
    if answer is None or not isinstance(answer.json(), list):
        return found
    aside = Batch()
    read = list(read_each(answer.json(), wire.Bell, aside, entity="lessons", key="id", origin=answer.origin))
    for one in sorted(read, key=lambda b: (b.used is False, b.variant_id or 0)):
        times = tuple(t.partition("T")[2] or t for t in (one.start_time, one.end_time))
        found.setdefault((one.week_day, one.relay or 1, one.number), (times[0], times[1]))
    return found

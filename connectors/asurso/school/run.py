"""Reads the journal of one window: stretch by stretch the diaries of all pupils, with cards and reports (portal facts B2-B4).

One lesson is in the diaries of many pupils; so all diaries of a stretch are read before its first unit is given, and its
records then go class by class.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.years import Stretch
from connectors.archive import digest
from connectors.asking import REFUSALS, attempt, together, unless_denied
from connectors.asurso.school import wire
from connectors.asurso.school.checks import GIVES
from connectors.asurso.school.client import Client, Form
from connectors.asurso.school.diaries import Diaries, SeenLesson, SeenWork
from connectors.asurso.school.evidence import Evidence, Timetable
from connectors.asurso.school.finals import Around, period_marks
from connectors.asurso.school.journal import Home, Surroundings, course_of, journal
from connectors.asurso.school.lists import Lists
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.reports import attendance_and_marks, entries
from connectors.asurso.school.taught import Curriculum
from connectors.asurso.values import by_number
from connectors.contract import Context, Reading, Unit, Window, digest_of, failed, ready
from connectors.errors import ConnectorError
from connectors.http import Answer
from connectors.wire import read_each

_CARDS_REFUSED: Final = 5
"""So many cards refused, and none given, say that the account may not read any."""

_AT_ONCE: Final = 50
"""Diaries held in memory at once as they came."""


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in runs of so many."""
    return (items[n : n + size] for n in range(0, len(items), size))


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

"""Reads a browser's capture of the school module: the diaries and reports that a person has opened, week by week.

A report comes in three exchanges (its queue, the hub that tells its file's name, the file), which are put together here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from canonical.batch import Batch, Origin
from canonical.coverage import Scope
from canonical.entities import Course, Enrolment, Group, PeriodMark, Record, Subject
from canonical.years import AcademicYear, Stretch
from connectors.asurso.school.checks import GIVES
from connectors.asurso.school.client import Client, Form
from connectors.asurso.school.evidence import Evidence
from connectors.asurso.school.listing import Listing, list_units
from connectors.asurso.school.lists import Lists
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.run import Run
from connectors.asurso.school.taught import Curriculum, answered, curriculum
from connectors.asurso.values import by_number
from connectors.captured_days import parts_of
from connectors.captured_requests import day_of
from connectors.captures import Captured, Kept, captured, made_of, missing
from connectors.captures import Run as CapturedRun
from connectors.contract import Context, Reading, Unit, Window, ready
from connectors.errors import NotCapturedError
from connectors.http import Answer

_QUEUES: Final = "post /webapi/(v2/)?reports/[^/]+/queue"
_FILES: Final = "get /webapi/files/[^/]+"
_HUBS: Final = "(get|post) /webapi/(signalr/)?(queuehub|connect|poll|start)"

_UNTOLD: Final = {
    "groups": ("curator", "level"),
    "lessons": ("status", "starts_at", "ends_at", "teacher"),
    "works": ("weight", "kind", "control"),
    "marks": ("recorded_at",),
    "courses": ("teachers",),
}
"""What other answers tell than the one that brings a record."""


class CapturedClient(Client):
    """The same questions, answered from a capture."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        held = captured(self._session)
        assert held is not None  # noqa: S101 - made for captures only
        self.captured: Captured = held
        self.reports = [*(k for k in held.capture.kept if k.asked.place.startswith("report ")), *_reports(held)]
        self.has_year = False

    async def year(self) -> Answer:
        """The school year; where it was not captured, an answer that says nothing."""
        try:
            answer = await super().year()
        except NotCapturedError:
            first = self.captured.capture.kept[0]
            origin = Origin(first.asked.request, first.sha256, first.size, first.at.isoformat())
            return Answer(200, {}, b"", origin, {}, None)
        self.has_year = True
        return answer

    async def form(self, report: str) -> tuple[Form, Answer]:
        raise NotCapturedError(f"not in the capture: the form of {report}")

    async def report(self, form: Form, given: Mapping[str, str | None], params: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - as the network is asked
        """The newest captured report of a pupil (and subject) that holds the days."""
        wanted = {n: v for n in ("SID", "SGID") if (v := given.get(n))}
        ends = [day_of(part) for part in (given.get("period") or "").split(" - ")]
        for kept in sorted(self.reports, key=lambda k: k.at, reverse=True):
            one = kept.asked
            if one.place != f"report {form.report}".casefold():
                continue
            fits = all(one.chosen.get(n, frozenset()) == {v} for n, v in wanted.items())
            if fits and (form.report == "studenttotalmarks" or _holds(one.days, ends)):
                return self.captured.take(kept)
        raise NotCapturedError(f"not in the capture: report {form.report}")

    def diaries(self) -> dict[str, list[CapturedRun]]:
        """The diaries that were captured, by pupil."""
        found: dict[str, list[CapturedRun]] = {}
        for run in self.captured.runs("/webapi/student/diary"):
            for student in run.chosen.get("studentId", ()):
                found.setdefault(student, []).append(run)
        return found


def _holds(days: Stretch, ends: list[date | None]) -> bool:
    since, until = (*ends, None, None)[:2]
    return since is not None and until is not None and days.start <= since and until <= days.end


def _reports(held: Captured) -> Iterator[Kept]:
    """The reports of a capture: each queue with its file, by the hub's word or, where only one was under way, by order."""
    files = held.every(_FILES)
    by_name = {k.asked.place.rpartition("/")[2]: k for k in files}
    told = {
        task: name.casefold()
        for k in held.every(_HUBS)
        for task, name in _finished(held.capture.body(k).decode(errors="replace"))
    }
    waiting: list[Kept] = []
    named = set(told.values())
    for kept in sorted([*held.every(_QUEUES), *files], key=lambda k: (k.at, k.order)):
        if kept.asked.place.startswith("get "):
            if kept.asked.place.rpartition("/")[2] not in named:
                if len(waiting) == 1:
                    yield _report(waiting[0], kept)
                waiting = []  # of several it cannot be told which of them it is
            continue
        task = _task_of(held.capture.body(kept))
        file = by_name.get(told.get(task or "", ""))
        if file is not None:
            yield _report(kept, file)
        elif task not in told:
            waiting.append(kept)


def _task_of(body: bytes) -> str | None:
    said = msgspec.json.decode(body)
    task = said.get("taskId") if isinstance(said, dict) else None
    return str(task) if task is not None else None


def _finished(text: str) -> Iterator[tuple[str, str]]:
    """Tasks with the names of their files, as either generation of the hub tells them."""
    for found in re.finditer(r'\{[^{}]*"taskId"[^{}]*\}', text, re.IGNORECASE):
        try:
            said = {str(k).casefold(): v for k, v in msgspec.json.decode(found[0]).items()}
        except (msgspec.DecodeError, AttributeError):
            continue
        if said.get("data") and isinstance(said["data"], (str, int)):
            yield str(said["taskid"]), str(said["data"])


def _report(queue: Kept, file: Kept) -> Kept:
    selected = queue.asked.sent.get("selectedData") if isinstance(queue.asked.sent, Mapping) else None
    filters = {
        str(f["filterId"]): str(f.get("filterValue") or "")
        for f in (selected if isinstance(selected, list) else [])
        if isinstance(f, Mapping) and f.get("filterId")
    }
    chosen = {n: frozenset({v}) for n in ("SID", "SGID") if (v := filters.get(n))}
    since, until = ([day_of(part) for part in filters.get("period", "").split(" - ")] + [None, None])[:2]
    name = queue.asked.place.split("/")[-2]
    return made_of(file, "REPORT", name, chosen, Stretch(since or date.min, until or date.max))


class CapturedReading(Run):
    """The reading of what was captured. `everyone` are all pupils, `students` those of the days that are read."""

    everyone: list[str]

    async def prepare(self) -> list[Origin]:
        asked = await super().prepare()
        self.lost.clear()
        self._forms = {report: Form(report, {}) for report in GIVES}
        return asked

    async def _diaries(self, piece: Stretch, evidence: Evidence, lost: list[Unit]) -> set[str]:
        read = await super()._diaries(piece, evidence, lost)
        self._doubt(evidence, set(self.everyone) - read)
        return read

    async def _read_absences(
        self, piece: Stretch, evidence: Evidence, read: set[str], lost: list[Unit]
    ) -> dict[str, tuple[date, date]]:
        spans = await super()._read_absences(piece, evidence, read, lost)
        if piece.start <= self._context.today():
            self._doubt(evidence, read - spans.keys())
        return spans

    def _doubt(self, evidence: Evidence, students: set[str]) -> None:
        """Of lessons of a class whose pupils were not all captured it cannot be said that they were not held."""
        classes = {self._lists.class_of[s] for s in students}
        evidence.unsure |= {s for s in self.everyone if self._lists.class_of[s] in classes}

    async def _read_cards(self, evidence: Evidence) -> None:
        wanted = [work for lesson, work in evidence.diaries.works() if self._needs_card(lesson, work, evidence)]
        await self._ask_cards(wanted, evidence)

    def _scopes(
        self, piece: Stretch, evidence: Evidence, read: set[str], spans: Mapping[str, tuple[date, date]]
    ) -> Iterator[Scope]:
        here, self.students = self.students, self.everyone
        yield from list(super()._scopes(piece, evidence, read, spans))
        self.students = here


class CapturedSchool:
    """What was captured of one school."""

    def __init__(self, context: Context, client: CapturedClient) -> None:
        self._context = context
        self._client = client

    async def units(self, window: Window) -> AsyncIterator[Unit]:
        """The lists, then the days of captured diaries, at last the marks of periods."""
        client = self._client
        lists = await Listing(client).read()
        year = lists.academic_year or AcademicYear.of(self._context.today())
        if year != window.year:
            return  # classes are known of the session's year only (portal facts B2.1)
        made, terms = curriculum(lists), Terms(lists, year)
        for unit in list_units(lists, made, terms, year):
            yield self._as_captured(unit, lists, made)
        reading = CapturedReading(self._context, client, window, lists, made, terms, {})
        reading.everyone = list(reading.students)
        asked = [*(a.origin for a in lists.answers()), *await reading.prepare()]
        yield ready(f"asked/{year.name}", Reading(asked, Batch))
        diaries = client.diaries()
        for student in reading.everyone:
            if student not in diaries:
                yield missing(f"diary/{student}")
        of_pupils = {s: runs for s, runs in diaries.items() if s in set(reading.everyone)}
        for number in sorted(diaries.keys() - of_pupils.keys(), key=by_number):
            yield missing(f"class of the pupil {number}, whose diary is there")
        bounds: dict[str, list[CapturedRun]] = dict(of_pupils)
        for kept in client.reports:
            if kept.asked.place == "report studenttotal":
                bounds.setdefault(f"report {kept.asked.chosen.get('SID')}", []).append(
                    CapturedRun((kept,), complete=True)
                )
        for part in parts_of(bounds, Stretch(year.start, year.end)):
            reading.students = sorted(part.runs.keys() & of_pupils.keys(), key=by_number)
            if reading.students:
                days = Stretch(part.days.start, part.days.end, whole=False)
                async for unit in reading.piece(days):
                    yield self._as_captured(unit, lists, made)
        reading.students = reading.everyone
        async for unit in reading.finals():
            yield self._as_captured(unit, lists, made)

    def _as_captured(self, unit: Unit, lists: Lists, made: Curriculum) -> Unit:
        """A unit without what lists that were not captured would have told."""
        unsure = {t.key for t in made.taught.values() if t.pupils is None}
        parts = {t.group for t in made.taught.values() if t.pupils is None and t.kind != "class"}
        has_courses = answered(lists.taught) and isinstance(lists.subjects, Answer)

        def keep(record: Record) -> bool:
            if isinstance(record, Course):
                return (
                    record.key not in unsure
                    and isinstance(lists.subjects, Answer)
                    and (has_courses or record.key in made.taught)
                )
            if isinstance(record, Subject):
                return isinstance(lists.subjects, Answer) and (has_courses or unit.name == "subjects")
            if isinstance(record, PeriodMark):
                return record.period != ":year"
            if isinstance(record, Group):
                return record.key not in parts
            return not (isinstance(record, Enrolment) and record.group in parts)

        async def read() -> Reading:
            reading = await unit.read()
            return replace(reading, make=partial(self._limited, reading.make, keep, parts))

        return replace(unit, read=read)

    def _limited(self, make: Callable[[], Batch], keep: Callable[[Record], bool], parts: set[str]) -> Batch:
        batch = make()
        batch.scopes = [s for s in batch.scopes if s.selector_key not in parts]
        batch.untold = dict(_UNTOLD)
        batch.keep(keep)
        if not self._client.has_year:
            batch.rejects = [r for r in batch.rejects if r.entity != "periods" or r.raw is not None]
        return batch

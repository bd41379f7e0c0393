"""Reads a browser's capture of the SPO module: lists, and the journals and sheets that a person has opened.

A page of a journal is whole by itself, so the plan is the ordinary one, of whatever was captured. What only lists or the
other pages of a group can tell is left as it stands where those were not captured.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from functools import partial

import msgspec

from canonical.batch import Batch
from canonical.coverage import Selector
from canonical.entities import Course, Enrolment, Group, Record, Subject
from canonical.years import AcademicYear
from connectors.asking import attempt
from connectors.asurso.client import Client
from connectors.asurso.coverage import Found, Progress
from connectors.asurso.directory import Directory
from connectors.asurso.gradebooks import Gradebook, Taught, gradebooks
from connectors.asurso.group import GroupReading
from connectors.asurso.journal import Surroundings, read_page
from connectors.asurso.lists import list_units, read_lists
from connectors.asurso.structure import page_of, structure
from connectors.asurso.values import by_number
from connectors.captures import Captured, Kept, captured, missing
from connectors.contract import Context, Reading, Unit, Window, ready
from connectors.errors import ConnectorError, NotCapturedError
from connectors.http import Answer

_PAGES = "get /services/journal/gradebook/[^/]+/subjects/[^/]+"
_ENTRIES = "get /services/journal/gradebook/[^/]+/entries"


class CapturedClient(Client):
    """The same questions, answered from a capture in whichever pages and as of whichever days it holds."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        held = captured(self._session)
        assert held is not None  # noqa: S101 - made for captures only
        self.captured: Captured = held
        self.has_all_students = False

    async def students(self, *, most: int | None = None) -> list[Answer]:
        """The pupils, by the newest whole list, else by all parts of one."""
        runs = self.captured.runs("/services/people/students", {"isActive": "true"})
        whole = [r for r in runs if r.complete and r.chosen.keys() <= {"isActive", "isEsia"}]
        self.has_all_students = bool(whole)
        pages = [p for r in (whole[:1] or reversed(runs)) for p in r.pages][:most]
        if not pages:
            raise NotCapturedError("not in the capture: the list of students")
        return [self.captured.take(p) for p in pages]

    async def sheet_as_of(self, group: str, term: str, number: int, on: date) -> Answer:  # noqa: ARG002 - any day will do
        """The newest sheet of a term that was captured, as of whichever day."""
        path = f"get /services/reports/curator/group-attestation/{term}/{number}/[^/]+/{re.escape(group)}"
        found = self.captured.every(path)
        if not found:
            raise NotCapturedError(f"not in the capture: the sheet of group {group}, {term} {number}")
        return self.captured.take(found[-1])


class CapturedGroup(GroupReading):
    """One group; `found` is what of its journals was captured."""

    found: Found | None = None

    async def _read_pages(self, found: Found, batch: Batch) -> None:
        self.found = found
        await super()._read_pages(found, batch)

    def as_captured(self, reading: Reading, *, is_listed: bool, has_subjects: bool) -> Reading:
        """The group's own records, without what the lists and pages that were not captured would have told."""
        found = self.found
        is_partial = found is None or bool(found.unread or found.lost_pages)

        def make() -> Batch:
            batch = reading.make()
            batch.untold = {"enrolments": ("start", "end", "status"), "courses": ("teachers",), "periods": ("number",)}
            if is_partial:
                batch.change(_without_dates)
            left_out = {"courses", "enrolments"} if not is_listed or not has_subjects else set()
            batch.scopes = [s for s in batch.scopes if s.entity not in left_out]
            if not is_listed:
                parts = {r.key for _, some in batch.blocks for r in some if isinstance(r, Group)}
                batch.keep(lambda r: not (isinstance(r, (Course, Enrolment)) and r.group in parts))
            if not has_subjects:
                batch.keep(lambda r: not isinstance(r, (Subject, Course)))
            return batch

        return replace(reading, make=make)


class CapturedInstitution:
    """What was captured of one institution."""

    def __init__(self, context: Context, client: CapturedClient) -> None:
        self._context = context
        self._client = client

    async def units(self, window: Window) -> AsyncIterator[Unit]:
        """The lists, the groups of which anything was captured, then pages of gradebooks that no group names."""
        client = self._client
        students = await attempt(client.students())
        lists = await read_lists(client, students)
        directory = lists.directory()
        everyone = directory.students_whole and client.has_all_students
        directory = replace(directory, students_whole=everyone)
        for unit in list_units(lists, directory, window, AcademicYear.of(self._context.today())):
            yield _limited(unit, {"groups": ("curator", "department", "level"), "people": ("birth_date", "sex")})
        seen: set[str] = set()
        opened = {_last(k, 4) for k in client.captured.every(_ENTRIES)}
        years = {window.year, *self._years(opened)}
        with_journal = lists.with_journal() or set()
        for group in sorted({*directory.levels, *with_journal, *directory.placed, *opened}, key=by_number):
            if group in with_journal and group not in opened:
                yield missing(f"group/{group}")
            for year in sorted(years if group in opened else {window.year}):
                around = Window(year, year.start, year.end)
                progress = Progress(year.start)
                reading = CapturedGroup(self._context, client, around, directory, progress, group)
                async for unit in reading.units(with_journal=True if group in opened else None):
                    if unit.name == f"group/{group}/{year.name}":
                        yield self._own(
                            unit, reading, is_listed=bool(directory.students), has_subjects=bool(lists.subjects)
                        )
                    else:
                        yield unit
                    seen.add(unit.name)
        for kept in client.captured.every(_PAGES):
            course = f"{_last(kept, 4)}:{_last(kept, 6)}"
            if f"page/{course}" not in seen:
                yield self._loose_page(kept, course, directory)

    def _years(self, groups: set[str]) -> set[AcademicYear]:
        """The academic years of gradebooks of which pages were captured."""
        books = {_last(k, 4) for k in self._client.captured.every(_PAGES)}
        found: set[AcademicYear] = set()
        today = AcademicYear.of(self._context.today())
        for kept in self._client.captured.every(_ENTRIES):
            if _last(kept, 4) in groups:
                window = Window(today, today.start, today.end)
                answer = self._client.captured.take(kept)
                listed = gradebooks(answer, _last(kept, 4), window, Batch())
                found |= {year for b in listed if b.id in books and (year := b.year())}
        return found

    def _own(self, unit: Unit, reading: CapturedGroup, *, is_listed: bool, has_subjects: bool) -> Unit:
        async def read() -> Reading:
            return reading.as_captured(await unit.read(), is_listed=is_listed, has_subjects=has_subjects)

        return replace(unit, read=read)

    def _loose_page(self, kept: Kept, course: str, directory: Directory) -> Unit:
        """A page of a gradebook that was captured without the list that names it: what it points at may wait."""
        answer = self._client.captured.take(kept)
        book, _, subject = course.partition(":")
        try:
            page = page_of(
                Gradebook(book, (None, None), None, active=False, start=None, end=None, subjects=()),
                Taught(subject, None, None),
                answer,
                Batch(),
            )
            links = structure("", [page], directory, AcademicYear.of(self._context.today()), Batch()).links[course]
        except ConnectorError:
            return missing(f"page/{course}")
        around = Surroundings(course, links, directory, self._context.zone, self._context.scale)
        return ready(f"page/{course}", Reading([answer], partial(read_page, answer, around)))


def _last(kept: Kept, place: int) -> str:
    return kept.asked.place.split("/")[place]


def _limited(unit: Unit, untold: dict[str, tuple[str, ...]]) -> Unit:
    """A unit of a list; of the institution as a whole it covers nothing."""

    async def read() -> Reading:
        reading = await unit.read()

        def make() -> Batch:
            batch = reading.make()
            batch.untold = dict(untold)
            batch.scopes = [s for s in batch.scopes if s.selector is not Selector.INSTITUTION]
            return batch

        return replace(reading, make=make)

    return replace(unit, read=read)


def _without_dates(record: Record) -> Record:
    """Since when somebody belongs to a group, all its pages together tell."""
    if isinstance(record, Enrolment):
        return msgspec.structs.replace(record, start=None, end=None)
    return record

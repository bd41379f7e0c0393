"""Reads the journals and attestation sheets of one group (portal facts A5.3, A5.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from functools import partial

import msgspec

from canonical.batch import Batch, Origin
from canonical.years import AcademicYear
from connectors.archive import digest
from connectors.asking import attempt, together, unless_denied
from connectors.asurso.cards import Cards
from connectors.asurso.client import Client
from connectors.asurso.coverage import Found, Progress, covered
from connectors.asurso.directory import Directory
from connectors.asurso.gradebooks import Gradebook, gradebooks
from connectors.asurso.journal import Surroundings, has_holes, read_page
from connectors.asurso.sheets import SheetOf, read_sheet, speaks_of
from connectors.asurso.structure import Page, Structure, page_of, structure
from connectors.contract import Context, Reading, Unit, Window, failed, ready
from connectors.errors import ConnectorError, UnexpectedAnswerError
from connectors.http import Answer


class GroupReading:
    """One group in one window."""

    def __init__(
        self,
        context: Context,
        client: Client,
        window: Window,
        directory: Directory,
        progress: Progress,
        group: str,
        cards: Cards | None = None,
    ) -> None:
        self._context = context
        self._client = client
        self._window = window
        self._directory = directory
        self._progress = progress
        self._group = group
        self._cards = cards

    async def units(self, *, with_journal: bool | None) -> AsyncIterator[Unit]:
        """The group's own records, then its pages and sheets.

        `with_journal`: whether the account may see its journals; null where that could not be found out.
        """
        batch, found = Batch(), Found(holes=with_journal is None)
        name = f"group/{self._group}/{self._window.year.name}"
        origins: list[Origin] = []
        if with_journal:
            try:
                entries = await self._client.entries(self._group)
                found.books = gradebooks(entries, self._group, self._window, batch)
                found.holes = bool(batch.rejects) or entries.json() is None
                origins.append(entries.origin)
            except ConnectorError as error:
                if error.stops == "source":
                    raise
                self._progress.missed()
                yield failed(name, error)
                return
            await self._read_pages(found, batch)
            await self._read_sheets(found)
        if self._cards:
            await self._cards.of_former(page for page, _ in found.pages)
            self._progress.movement = self._cards.movement.whole
        current = AcademicYear.of(self._context.today())
        pages = [page for page, _ in found.pages]
        by_list = self._window.explicit or bool(pages) or not found.left_out_in(self._window.year)
        stays = self._cards.movement.of_group(self._group) if self._cards else {}
        made = structure(
            self._group, pages, self._directory, current, batch, found.lost_pages, by_list=by_list, stays=stays
        )
        found.holes = found.holes or any(r.key is None for r in batch.rejects)
        sheets = list(self._sheet_units(found, made))
        origins += [a.origin for _, a in (*found.pages, *found.sheets)]
        self._progress.origins += origins
        batch.covers(*covered(self._group, found, made, self._window, self._directory, self._progress))
        context = digest(msgspec.json.encode([[records for _, records in batch.blocks], batch.scopes]))
        yield ready(name, Reading(origins, lambda: batch, context), whole=not self._window.explicit)
        for page, answer in found.pages:
            yield self._page_unit(page, answer, made)
        for unit in (*sheets, *found.lost):
            yield unit

    # -- reading -----------------------------------------------------------------------------------------------------

    async def _read_pages(self, found: Found, batch: Batch) -> None:
        current = AcademicYear.of(self._context.today())
        level = self._directory.level_in(self._group, self._window.year, current)
        found.inside = [b for b in found.books if b.lies_in(self._window, level)]
        found.unread = [b for b in found.books if b not in found.inside]
        wanted = [(book, taught) for book in found.inside for taught in book.subjects]
        answers = await together(attempt(self._client.page(book.id, taught.id)) for book, taught in wanted)
        for (book, taught), answer in zip(wanted, answers, strict=True):
            try:
                if isinstance(answer, ConnectorError):
                    raise answer
                whole = not has_holes(answer)
                found.pages.append((page_of(book, taught, answer, batch), answer))
            except ConnectorError as error:
                found.lost.append(failed(f"page/{book.id}:{taught.id}", error))
                found.lost_pages.append((book, taught))
                whole = False
            if not whole and book not in found.unread:
                found.unread.append(book)

    async def _read_sheets(self, found: Found) -> None:
        """The sheets of terms that have begun: the current one, and others as of their last day that has come."""
        active = [b for b in found.books if b.active]
        current = active[0] if len(active) == 1 else None
        due = [b for b in found.inside if self._is_due(b, current)]
        for book, answer in zip(due, await together(attempt(self._sheet(b, current)) for b in due), strict=True):
            if isinstance(answer, ConnectorError):
                found.lost.append(failed(f"sheet/{book.id}", answer))
                found.sheets_whole = False
            else:
                found.sheets.append((book, answer))

    def _is_due(self, book: Gradebook, current: Gradebook | None) -> bool:
        """Whether a sheet can hold something, and speaks as of a day in the window."""
        today = self._context.today()
        as_of = today if book is current else self._as_of(book)
        begun = book.start is None or book.start <= today
        asked = not self._window.explicit or self._window.since <= as_of <= self._window.until
        return begun and asked and (book is current or None not in book.term)

    def _as_of(self, book: Gradebook) -> date:
        """The last day of a term that has come."""
        today = self._context.today()
        return min(book.end or today, today)

    async def _sheet(self, book: Gradebook, current: Gradebook | None) -> Answer:
        kind, number = book.term
        if book is current:
            answer = await unless_denied(self._client.sheet(self._group))
            if answer and speaks_of(answer, book):
                return answer
        answer = await self._client.sheet_as_of(self._group, kind or "Semester", number or 1, self._as_of(book))
        if not speaks_of(answer, book):
            raise UnexpectedAnswerError(f"{answer.origin.request}: the sheet is of another term")
        return answer

    # -- units -------------------------------------------------------------------------------------------------------

    def _page_unit(self, page: Page, answer: Answer, made: Structure) -> Unit:
        window, book, owners = self._window, page.gradebook, self._progress.owners
        foreign = frozenset(t for t in page.topics if owners.setdefault(t, page.course) != page.course)
        within = book.start and book.end and window.since <= book.start and book.end <= window.until
        cut = window.explicit and not within
        links = made.links[page.course]
        around = Surroundings(
            page.course,
            links,
            self._directory,
            self._context.zone,
            self._context.scale,
            foreign,
            *((window.since, window.until) if cut else ()),
        )
        depends = [sorted(links.known.items()), links.before_others, sorted(foreign), sorted(self._directory.staff)]
        reading = Reading([answer], partial(read_page, answer, around), digest(msgspec.json.encode(depends)))
        return ready(f"page/{page.course}", reading, whole=not cut)

    def _sheet_units(self, found: Found, made: Structure) -> Iterator[Unit]:
        """Sheets are small: they are mapped at once, so that it is known whether one has something broken."""
        for book, answer in found.sheets:
            courses = tuple(c for c in made.courses if c.gradebook == book.id)
            people = frozenset(made.people)
            of = SheetOf(self._group, book.id, courses, people, self._directory, self._context.scale)
            try:
                batch = read_sheet(answer, of)
            except ConnectorError as error:
                found.sheets_whole = False
                yield failed(f"sheet/{book.id}", error)
                continue
            if batch.rejects or answer.json() is None:
                found.sheets_whole = False
            context = digest(msgspec.json.encode([records for _, records in batch.blocks]))
            yield ready(f"sheet/{book.id}", Reading([answer], partial(_as_it_is, batch), context))


def _as_it_is(batch: Batch) -> Batch:
    return batch

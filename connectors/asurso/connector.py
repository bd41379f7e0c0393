"""The АСУ РСО connector, SPO module: reads lists, then the journals group by group (portal facts A5).

What a page says of its pupils only all pages of the group together make clear (`structure`), so the pages of one group
are read before its first unit is given. A later unit points only at what an earlier one brings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from canonical.batch import Batch
from canonical.years import AcademicYear
from connectors.asking import attempt
from connectors.asurso.captured import CapturedClient, CapturedInstitution
from connectors.asurso.cards import Cards
from connectors.asurso.checks import check
from connectors.asurso.client import Client
from connectors.asurso.coverage import Progress, of_everything
from connectors.asurso.group import GroupReading
from connectors.asurso.lists import list_units, read_lists
from connectors.asurso.student import own_rows, own_students
from connectors.asurso.values import by_number
from connectors.contract import CheckLine, Connector, Context, Reading, RemoteInstitution, Unit, Window, ready


def open_connector(context: Context) -> Connector:
    """The connector for the SPO module. Made within the event loop that uses it."""
    return SpoConnector(context)


class SpoConnector:
    """Reads one institution of the SPO module for one source."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = CapturedClient(context) if context.from_capture else Client(context)

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

    def read(self, window: Window) -> AsyncIterator[Unit]:
        """The units of a window."""
        if isinstance(self._client, CapturedClient):
            return CapturedInstitution(self._context, self._client).units(window)
        return self._units(window)

    async def _units(self, window: Window) -> AsyncIterator[Unit]:
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
        lists = await read_lists(self._client, students)
        directory = lists.directory()
        for unit in list_units(lists, directory, window, AcademicYear.of(self._context.today())):
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


def _as_it_is(batch: Batch) -> Batch:
    return batch

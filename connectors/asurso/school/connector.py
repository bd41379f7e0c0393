"""The connector for the school module: the lists, then stretch by stretch the diaries of all pupils (portal facts B2-B4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any, Final

from canonical.batch import Batch, Drift
from canonical.years import AcademicYear
from connectors.asurso.school import structure
from connectors.asurso.school.captured import CapturedClient, CapturedSchool
from connectors.asurso.school.checks import check
from connectors.asurso.school.client import Client
from connectors.asurso.school.listing import Listing, list_units
from connectors.asurso.school.periods import Terms
from connectors.asurso.school.run import Run
from connectors.asurso.school.taught import curriculum
from connectors.contract import CheckLine, Connector, Context, Reading, RemoteInstitution, Unit, Window, failed, ready
from connectors.errors import NotFoundError

_SERVER_ZONE: Final = 3
"""What the portal's own page sends as the server's time zone (portal facts B4.2)."""


def open_connector(context: Context) -> Connector:
    """The connector for the school module. Made within the event loop that uses it."""
    return SchoolConnector(context)


class SchoolConnector:
    """Reads one school for one source."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = CapturedClient(context) if context.from_capture else Client(context)

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

    def read(self, window: Window) -> AsyncIterator[Unit]:
        """The units of a window."""
        if isinstance(self._client, CapturedClient):
            return CapturedSchool(self._context, self._client).units(window)
        return self._units(window)

    async def _units(self, window: Window) -> AsyncIterator[Unit]:
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


def _strange(filters: Iterable[str]) -> Batch:
    """A batch of no records, which tells of the filters of reports that nobody knows."""
    batch = Batch()
    batch.drift.update(Drift("unknown_value", "ReportForm", f"filterId={name}") for name in filters)
    return batch

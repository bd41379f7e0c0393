"""Makes a report of what is in the store: opens the journals of the institutions one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from canonical.calendar import SchoolCalendar
from canonical.store import Store
from canonical.view import open_view
from canonical.years import AcademicYear
from connectors.contract import Institution
from pipelines.journals import known_since, main_journal
from pipelines.reporting.asking import Asked, NothingSuchError, Request
from pipelines.reporting.catalogue import Definition
from pipelines.reporting.document import Report
from pipelines.reporting.journal import Journal
from pipelines.workplace import SourceJob


class NoJournalError(Exception):
    """None of the institutions has a journal for the year that is asked for."""


@dataclass(frozen=True, slots=True)
class Place:
    """An institution with its sources, and its school calendar if it names one."""

    institution: Institution
    jobs: Sequence[SourceJob]
    calendar: SchoolCalendar | None = None


@dataclass
class _Shelf:
    """The journals of the institutions, each opened when its turn comes; notes which have none, and since when."""

    connection: Connection
    places: Sequence[Place]
    request: Request
    moment: datetime
    as_of: datetime | None
    missing: list[str] = field(default_factory=list)
    years: set[str] = field(default_factory=set)
    since: list[datetime] = field(default_factory=list)

    def __iter__(self) -> Iterator[Journal]:
        for place in self.places:
            zone = place.institution.zone
            year = AcademicYear.of(self.request.month or self.moment.astimezone(zone).date())
            self.years.add(year.name)
            journal = self._open(place, year)
            if journal:
                yield journal
            else:
                self.missing.append(place.institution.name)
        if len(self.missing) == len(self.places):
            raise NoJournalError(self._why_none())

    def _why_none(self) -> str:
        if not self.places:
            return "no institution is configured"
        years, keys = ", ".join(sorted(self.years)), ", ".join(p.institution.key for p in self.places)
        if self.as_of is None or not self.since:
            return f"the store holds no lessons of {years} for {keys}; read the journals with `svod import`"
        first = min(self.since).astimezone(self.as_of.tzinfo)
        known = (
            f"these journals are known since {first.isoformat(timespec='seconds')}"
            if first > self.as_of
            else "they came later"
        )
        return f"the store held no lessons of {years} as of {self.as_of.isoformat()} for {keys}: {known}; name a later moment"

    def _open(self, place: Place, year: AcademicYear) -> Journal | None:
        chosen = main_journal(self.connection, place.jobs, year)
        if chosen is None:
            return None
        view = open_view(self.connection, chosen[1], as_of=self.as_of)
        first, last = year.start.isoformat(), year.end.isoformat()
        if self.as_of and not any(first <= x.date <= last for x in view.lessons.values()):
            since = known_since(self.connection, chosen[1])
            self.since += [since] if since else []
            return None
        return Journal(place.institution, view, self.moment, year, place.calendar)


def make_report(
    store: Store,
    places: Sequence[Place],
    definition: Definition,
    request: Request,
    *,
    now: datetime,
    as_of: datetime | None = None,
) -> Report:
    """The report on these institutions, as their journals stand, or stood at `as_of`.

    Of the clock (`now`, else `as_of` itself) only the institution's day counts, so that a report made again on the same
    day from the same journals is the same.

    Raises:
        NothingSuchError: no group, teacher or period is what was asked for, or the report does not take such a thing.
        NoJournalError: no institution has a journal.

    """
    check(definition, request)
    moment = as_of or now
    with store.reading() as connection:
        shelf = _Shelf(connection, places, request, moment, as_of)
        asked = Asked(request)
        body = definition.build(shelf, asked)
    zone = places[0].institution.zone
    local = moment.astimezone(zone)
    parameters = [("Учебный год", ", ".join(sorted(shelf.years)))]
    if asked.spoken_of:
        parameters.append(("Период", asked.spoken_of))
    if request.group:
        parameters.append(("Группа", request.group))
    if request.teacher:
        parameters.append(("Преподаватель", request.teacher))
    parameters.append(("По состоянию на", f"{local:%d.%m.%Y %H:%M}" if as_of else f"{local:%d.%m.%Y}"))
    if shelf.missing:
        parameters.append(("Нет журнала за этот год", ", ".join(shelf.missing)))
    return Report(
        id=definition.id,
        title=definition.title,
        clause=definition.clause,
        institutions=tuple((p.institution.key, p.institution.name) for p in places),
        parameters=(*parameters, *body.parameters),
        day=local.date(),
        as_of=as_of,
        tables=body.tables,
        notes=body.notes,
        signatures=definition.signatures,
    )


def check(definition: Definition, request: Request) -> None:
    """Holds what is asked against what the report takes.

    Raises:
        NothingSuchError: it does not take an option that is given.

    """
    for option in ("teacher", "period", "month"):
        if getattr(request, option) is not None and option not in definition.takes:
            taken = ", ".join(f"--{o}" for o in ("group", *sorted(definition.takes)))
            raise NothingSuchError(
                f"report {definition.id} («{definition.title}») takes no --{option}; it takes {taken}"
            )
    if request.period is not None and request.month is not None:
        raise NothingSuchError("--period and --month exclude each other")

"""All files of a source as batches, one a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from canonical.batch import Batch, Drift, Origin
from canonical.calendar import SchoolCalendar
from canonical.entities import Person, Record
from canonical.scales import Scale
from connectors.files.layouts.fields import KINDS
from connectors.files.layouts.model import Table
from connectors.files.layouts.pages import Page
from connectors.files.layouts.values import Fault
from connectors.files.mapping.gathering import Gathering
from connectors.files.mapping.journal import Journal
from connectors.files.mapping.lists import contingent, courses, lessons, plan, staff_list
from connectors.files.mapping.results import attestations, period_marks


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as its layout reads it."""

    name: str
    origin: Origin
    pages: list[Page] = field(default_factory=list)


class Account:
    """What the files of a source say, one after the other in the order of their names: `take` each, then `batch`."""

    def __init__(
        self,
        kind: Literal["school", "college"],
        scale: Scale,
        pseudonym: Callable[[str], str | None],
        calendar: SchoolCalendar | None = None,
    ) -> None:
        self._made = Gathering(kind, scale, calendar)
        self._journal = Journal(self._made)
        self._pseudonym = pseudonym
        self._files: dict[str, tuple[int, Origin]] = {}

    def take(self, file: ReadFile) -> None:
        """Takes a file in."""
        number = self._made.begin(file.name)
        self._files[file.name] = number, file.origin
        for page in file.pages:
            _take(self._made, self._journal, number, page)

    def finish(self) -> None:
        """Settles what depends on all files together."""
        self._journal.finish()

    def batch(self, name: str, *, partial: bool) -> Batch:
        """The batch of a file, when all have been taken in. With `partial` nothing is covered."""
        number, origin = self._files[name]
        return _batch(self._made, number, origin, self._pseudonym, partial=partial)


def _take(made: Gathering, journal: Journal, n: int, page: Page) -> None:
    if (lacking := _lacking(page)) is not None:
        made.refuse_page(n, page, KINDS[page.table.kind].entity, lacking)
        return
    covers = _covers(page.table, page)
    match page.table.kind:
        case "contingent":
            contingent(made, n, page, covers=covers)
        case "staff":
            staff_list(made, n, page)
        case "courses":
            courses(made, n, page)
        case "plan":
            plan(made, n, page, covers=covers)
        case "lessons":
            lessons(made, n, page, covers=covers)
        case "marks":
            journal.take(n, page, covers=covers)
        case "period_marks":
            period_marks(made, n, page, covers=covers)
        case "attestations":
            attestations(made, n, page)
    for name in page.unknown:
        made.by_file[n].drift[Drift("unknown_field", page.table.kind, name)] += 1


def _lacking(page: Page) -> Fault | None:
    """What the page as a whole lacks to be anything: a group, a subject."""
    table = page.table
    given = {f for name, column in table.columns.items() for f in column.fields(name)}
    given |= set(table.across.fields()) if table.across else set()
    for needed in KINDS[table.kind].needs:
        if given & set(needed) or page.heading.said.keys() & set(needed):
            continue
        faults = [page.heading.faults[f] for f in needed if f in page.heading.faults]
        return faults[0] if faults else Fault(f"{' or '.join(needed)} is missing: no heading says it", "", None)
    return None


def _covers(table: Table, page: Page) -> bool:
    """Whether a file with this table holds all of what it is about; by default not where it may be one of several.

    A class list holds its groups, a journal page its days. A plan, or a summary, of one period is one of several.
    """
    if table.covers is not None:
        return table.covers
    match table.kind:
        case "plan":
            return "period" not in page.heading.said and "period" not in table.columns
        case "period_marks":
            return table.across is not None and "period" in table.across.rows
    return True


def _batch(made: Gathering, n: int, origin: Origin, pseudonym: Callable[[str], str | None], *, partial: bool) -> Batch:
    batch = Batch()
    gathered = made.by_file[n]
    batch.add([_private(record, pseudonym) for record in made.records(n)], origin)
    for one in gathered.refusals:
        batch.reject(one.entity, one.reason, one.raw, key=one.key, origin=origin, hides=one.hides)
    if not partial:
        batch.covers(*dict.fromkeys(gathered.scopes))
    batch.drift.update(gathered.drift)
    return batch


def _private(record: Record, pseudonym: Callable[[str], str | None]) -> Record:
    """A СНИЛС is kept only as its keyed hash (canonical.md)."""
    if isinstance(record, Person) and record.snils:
        digits = "".join(c for c in record.snils if c.isdigit())
        return msgspec.structs.replace(record, snils=pseudonym(digits) if digits else None)
    return record

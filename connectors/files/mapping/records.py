"""All files of a source as batches, one a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from canonical.batch import Batch, Drift, Origin
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


def batches(
    files: Sequence[ReadFile],
    *,
    kind: Literal["school", "college"],
    scale: Scale,
    pseudonym: Callable[[str], str | None],
    partial: bool,
) -> list[Batch]:
    """A batch for each file, in their order, which must be that of their names.

    With `partial` nothing is covered. A СНИЛС becomes its pseudonym.
    """
    made = Gathering(kind, scale, [f.name for f in files])
    journal = Journal(made)
    for n, file in enumerate(files):
        for page in file.pages:
            _take(made, journal, n, page)
    journal.finish()
    return [_batch(made, n, file, pseudonym, partial=partial) for n, file in enumerate(files)]


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


def _batch(made: Gathering, n: int, file: ReadFile, pseudonym: Callable[[str], str | None], *, partial: bool) -> Batch:
    batch = Batch()
    gathered = made.by_file[n]
    batch.add([_private(record, pseudonym) for record in made.records(n)], file.origin)
    for one in gathered.refusals:
        batch.reject(one.entity, one.reason, one.raw, key=one.key, origin=file.origin, hides=one.hides)
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

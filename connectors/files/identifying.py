"""Says of a file which layouts fit it, what each would read, and why the others do not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from canonical.batch import Batch, Origin
from canonical.cleaning import encode
from canonical.entities import ENTITIES, entity_of
from canonical.scales import Scale
from canonical.years import AcademicYear
from connectors.files.choosing import Chosen, try_all
from connectors.files.layouts.finding import FoundTable
from connectors.files.layouts.model import Layout
from connectors.files.layouts.pages import read_pages
from connectors.files.mapping.records import Account, ReadFile
from connectors.files.reading.sheets import letters


@dataclass(frozen=True, slots=True)
class Preview:
    """What a layout would read: records by entity, an example of each, and what it could not read."""

    counts: dict[str, int]
    examples: dict[str, str]
    unreadable: list[str]
    unknown: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a layout fits a file. `preview` is there where it does."""

    layout: Layout
    format: str
    fits: bool
    score: int
    lacking: list[str]
    tables: list[FoundTable] = field(default_factory=list)
    preview: Preview | None = None

    def as_json(self) -> dict[str, Any]:
        """The shape in `svod files identify --json`."""
        return {
            "layout": self.layout.name,
            "title": self.layout.title,
            "fits": self.fits,
            "score": self.score,
            "lacking": self.lacking,
            "tables": [
                {
                    "kind": t.table.kind,
                    "sheet": t.sheet.name,
                    "header_row": t.row + 1,
                    "columns": {name: letters(column) for name, column in t.columns.items()},
                    "across": [letters(a.column) for a in t.across],
                }
                for t in self.tables
            ],
            "records": self.preview.counts if self.preview else {},
            "unreadable": self.preview.unreadable if self.preview else [],
            "unknown_columns": self.preview.unknown if self.preview else [],
        }


def identify(
    layouts: Sequence[Layout],
    body: bytes,
    file: str,
    *,
    scale: Scale,
    year: AcademicYear,
    kind: Literal["school", "college"],
) -> list[Verdict]:
    """The verdict on each layout, the best first.

    Raises:
        UnreadableFileError: the file cannot be read at all.

    """
    tried = try_all(layouts, body, file, scale, year)
    verdicts = [_verdict(one, file, scale, kind) for one in tried]
    return sorted(verdicts, key=lambda v: (not v.fits, -v.score, v.layout.name))


def _verdict(chosen: Chosen, file: str, scale: Scale, kind: Literal["school", "college"]) -> Verdict:
    fitted = chosen.fit
    good, score = fitted.score
    preview = preview_of(chosen, file, scale, kind) if good else None
    return Verdict(fitted.layout, chosen.book.format, good, score, fitted.lacking, fitted.found, preview)


def preview_of(chosen: Chosen, file: str, scale: Scale, kind: Literal["school", "college"]) -> Preview:
    """What a layout would read of a file."""
    pages = read_pages(chosen.fit, chosen.book, file, chosen.setting)
    read = ReadFile(file, Origin(f"FILE {file}", "", 0, ""), pages)
    account = Account(kind, scale, lambda _: None)
    account.take(read)
    account.finish()
    return _preview(account.batch(file, partial=True), [name for page in pages for name in page.unknown])


def _preview(batch: Batch, unknown: list[str]) -> Preview:
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for _, records in batch.blocks:
        for record in records:
            name = entity_of(record)
            counts[name] += 1
            examples.setdefault(name, encode(record).decode())
    return Preview(
        {name: counts[name] for name in ENTITIES if counts[name]},
        examples,
        [f"{r.entity}: {r.reason}" for r in batch.rejects],
        list(dict.fromkeys(unknown)),
    )

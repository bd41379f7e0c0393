"""Which layout fits a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from canonical.scales import Scale
from canonical.years import AcademicYear
from connectors.files.layouts.cells import CellWords
from connectors.files.layouts.finding import Fit, fit
from connectors.files.layouts.model import Layout
from connectors.files.layouts.values import Setting
from connectors.files.reading.formats import read_workbook
from connectors.files.reading.sheets import Workbook
from connectors.files.trouble import UnknownFileError


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file with a layout, and what reading it depends on."""

    book: Workbook
    fit: Fit
    setting: Setting


def choose(layouts: Sequence[Layout], body: bytes, file: str, scale: Scale, year: AcademicYear) -> Chosen:
    """The layout that fits a file best (`file` is its name); of several that fit equally the first.

    Raises:
        UnreadableFileError: the file cannot be read.
        UnknownFileError: no layout fits it; says why.

    """
    tried = try_all(layouts, body, file, scale, year)
    best = max(tried, key=lambda one: one.fit.score)
    if not best.fit.good:
        why = "; ".join(f"{one.fit.layout.name}: {', '.join(one.fit.lacking)}" for one in tried)
        raise UnknownFileError(f"no layout of the source fits ({why}); ask `svod files identify`")
    return best


def try_all(layouts: Sequence[Layout], body: bytes, file: str, scale: Scale, year: AcademicYear) -> list[Chosen]:
    """How each layout fits a file.

    Raises:
        UnreadableFileError: the file cannot be read.

    """
    books: dict[tuple[str, str], Workbook] = {}
    made = []
    for layout in layouts:
        rules = layout.file
        how = rules.encoding, rules.separator
        if how not in books:
            books[how] = read_workbook(body, encoding=rules.encoding, separator=rules.separator)
        own = AcademicYear(int(layout.academic_year[:4])) if layout.academic_year else year
        setting = Setting(own, CellWords.of(scale, layout.absence), layout.dates)
        made.append(Chosen(books[how], fit(layout, books[how], file, setting), setting))
    return made

"""Says of the columns of a table what they hold: by their headers where these are known, else by their cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from canonical.text import tidy
from connectors.files.layouts.fields import KINDS
from connectors.files.layouts.values import Setting
from connectors.files.learning.profile import Profile, profile
from connectors.files.learning.vocabulary import Vocabulary
from connectors.files.reading.sheets import Sheet

_Looks = Callable[[Profile], bool]


def _names(p: Profile) -> bool:
    return p.names > 0.7


def _groups(p: Profile) -> bool:
    return p.groups > 0.7


def _days(p: Profile) -> bool:
    return p.days > 0.7 and p.births < 0.5


def _anything(_: Profile) -> bool:
    return True


def _texts(p: Profile) -> bool:
    return p.length > 8 and p.names < 0.3 and p.days < 0.3 and p.marks < 0.3


_BY_CELLS: Final[Mapping[str, Sequence[tuple[str, _Looks]]]] = {
    "contingent": (
        ("student", _names),
        ("birth_date", lambda p: p.births > 0.7),
        ("group", _groups),
    ),
    "staff": (("name", _names),),
    "courses": (("group", _groups), ("teacher", _names), ("subject", _texts)),
    "plan": (
        ("number", lambda p: p.whole > 0.9 and p.different > 0.95 and p.filled > 1),
        ("hours", lambda p: p.whole > 0.7 and p.different < 0.8),
        ("title", _texts),
        ("planned_on", _days),
        ("homework", _texts),
    ),
    "lessons": (
        ("date", _days),
        ("group", _groups),
        ("teacher", _names),
        ("times", lambda p: p.times > 0.7 and p.length > 8),
        ("topic", _texts),
        ("homework", _texts),
    ),
    "marks": (("student", _names),),
    "period_marks": (("student", _names),),
    "attestations": (("student", _names), ("value", lambda p: p.marks > 0.7)),
}
"""How the cells of a field look, in the order in which fields choose their columns."""

_AS_READ: Final[Mapping[str, _Looks]] = {
    "person": _names,
    "people": _names,
    "group": _groups,
    "date": lambda p: p.days > 0.7,
    "integer": lambda p: p.whole > 0.7,
    "cell": lambda p: p.marks > 0.7,
    "mark": lambda p: p.marks > 0.7,
}
"""How the cells of a field look, by how it is read; a header that only may mean it must have such cells."""

_MARK_ROWS: Final = (("date", _days), ("group", _groups), ("marks", lambda p: p.marks > 0.7))


def header_text(sheet: Sheet, row: int, head: int, column: int) -> str:
    """The texts of the header rows above a column, together."""
    texts = (tidy(sheet.text(r, column)) for r in range(row, row + head))
    return " ".join(dict.fromkeys(t for t in texts if t))


def name_columns(
    sheet: Sheet, row: int, head: int, kind: str, words: Vocabulary, setting: Setting, taken: set[int], *, across: bool
) -> tuple[dict[str, int], int]:
    """Field -> column for a table of a kind whose header begins at a row, and how sure that is.

    `taken` are columns across. A column without a header cannot be named in a layout, and is passed over.
    """
    free = [f for f in KINDS[kind].fields if f not in {"academic_year", "dates"}]
    headers = {c: h for c in range(sheet.width) if c not in taken and (h := header_text(sheet, row, head, c))}
    found: dict[str, int] = {}
    for column, header in headers.items():
        name = words.field_of(kind, header, [f for f in free if f not in found])
        if name:
            found[name] = column
    profiles = {c: profile(sheet, c, row + head, setting) for c in headers if c not in found.values()}
    for column, made in profiles.items():
        for name in words.maybe(kind, headers[column], [f for f in free if f not in found]):
            if made.filled and _AS_READ.get(KINDS[kind].fields[name], _anything)(made):
                found[name] = column
                break
    sure = 2 * len(found)
    looks = (*_BY_CELLS[kind], *(_MARK_ROWS if kind == "marks" and not across else ()))
    for name, like in looks:
        if name in found or (name == "student" and "family_name" in found):
            continue
        fitting = [c for c, p in profiles.items() if c not in found.values() and p.filled and like(p)]
        if fitting:
            found[name] = max(fitting, key=lambda c: (profiles[c].length * profiles[c].filled, -c))
            sure += 1
    for name, column in _parts_of_name(profiles, found, kind):
        found[name] = column
        sure += 1
    return found, sure


def _parts_of_name(profiles: Mapping[int, Profile], found: Mapping[str, int], kind: str) -> Iterator[tuple[str, int]]:
    """Three columns of single words side by side, where no column holds whole names: a name in its parts."""
    if "student" not in KINDS[kind].fields or {"student", "family_name"} & found.keys():
        return
    for column in sorted(profiles):
        three = [profiles.get(column + n) for n in range(3)]
        if all(p and p.words > 0.8 and p.filled > 1 for p in three):
            yield from zip(("family_name", "given_name", "patronymic"), range(column, column + 3), strict=True)
            return

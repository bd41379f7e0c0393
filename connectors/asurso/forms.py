"""Names and marks of the SPO module in the forms of the canonical journal (portal facts A0, A6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from canonical.batch import Batch
from canonical.scales import Scale
from canonical.text import tidy
from connectors.asurso.values import by_number, folded
from connectors.asurso.wire import Cell, Named, Task
from connectors.asurso.words import DEBT, HOME, MEANINGS, NO_VALUE, PRINTED
from connectors.wire import Words

Name = tuple[str, str, str]
"""Family name, given name and patronymic, to be compared."""


def name_of(who: Named) -> Name:
    """A name in the form in which two spellings of it are the same; what is missing is empty."""
    return folded(who.last_name), folded(who.first_name), folded(who.middle_name)


def same_name(one: Name, other: Name) -> bool:
    """Whether two names may be of one person: a patronymic that one of them lacks does not part them."""
    return one[:2] == other[:2] and (not one[2] or not other[2] or one[2] == other[2])


def printed_names(family: str | None, given: str | None, patronymic: str | None) -> list[str]:
    """The forms in which a teacher's name may be printed on a journal page, folded: `шаблонова в.м.` and the whole."""
    if not family:
        return []
    parts = [part for part in (given, patronymic) if part]
    forms = (f"{family} {''.join(f'{part[0]}.' for part in parts)}", " ".join([family, *parts]))
    return list(dict.fromkeys(printed(form) for form in forms))


def printed(text: str) -> str:
    """A printed name to be compared: `Шаблонова В. М` is `шаблонова в.м.`"""
    return re.sub(r"\.\s+(?=\w\b)", ".", folded(text)).rstrip(".")


@dataclass(frozen=True, slots=True)
class MarkValue:
    """What a cell says, in canonical fields."""

    value: str
    grade: int | None
    meaning: str | None
    raw: dict[str, Any] | None

    @property
    def fields(self) -> dict[str, Any]:
        """What it says, by the fields of a mark's record; `raw` is apart, as others may have words of their own in it."""
        return {"value": self.value, "grade": self.grade, "meaning": self.meaning}


def mark_value(cell: Cell, scale: Scale, batch: Batch, entity: str) -> MarkValue | None:
    """What stands in a cell: a mark, a debt where one is required, or null.

    A code word that is not known is a mark of its own text; what it means is not known (canonical.md).
    """
    if cell.value in NO_VALUE:
        return MarkValue(DEBT, None, "debt", None) if cell.is_required else None
    assert cell.value  # noqa: S101 - NO_VALUE holds null and the empty text
    words = Words(batch, entity)
    meaning = words.of("meaning", cell.value, MEANINGS)
    value = PRINTED.get(cell.value, cell.value)
    return MarkValue(value, scale.grade(value) if cell.value in PRINTED else None, meaning, words.raw)


def filled(cells: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """What there is in an object of cells, in order: null is nothing (portal facts A0)."""
    return sorted((key, cell) for key, cell in (cells or {}).items() if cell is not None)


def merged(*raws: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Several `raw` objects in one."""
    return {k: v for raw in raws for k, v in (raw or {}).items()} or None


def homework(tasks: Iterable[Task]) -> str | None:
    """What is set at a lesson: the tasks of type `Home`, each with its details."""
    home = sorted((t for t in tasks if t.type == HOME), key=lambda t: by_number(t.id))
    texts = (" ".join(filter(None, (tidy(t.topic), tidy(t.condition)))) for t in home)
    return "; ".join(t for t in texts if t) or None

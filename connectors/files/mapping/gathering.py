"""Puts together what the files of a source say: one record a key, whichever files speak of it.

A record belongs to the first file that speaks of it; its fields come from the last file that fills them. Files are taken
in the order of their names, so the same files give the same records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from canonical.batch import Drift
from canonical.calendar import SchoolCalendar
from canonical.coverage import Scope
from canonical.entities import ENTITIES, Record
from canonical.scales import Scale
from connectors.files.layouts.cells import plain
from connectors.files.layouts.fields import DEBT
from connectors.files.layouts.pages import Line, Page
from connectors.files.layouts.values import Fault
from connectors.files.reading.sheets import letters

HIDES: Final = {
    "people": ("enrolments", "marks", "attendance", "period_marks", "attestations"),
    "lessons": ("works", "marks", "attendance"),
    "marks": ("lessons", "works", "attendance"),
}
"""What stands inside something that cannot be recognised at all."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that stood where a record should be; as `canonical.batch.Reject`."""

    entity: str
    key: str | None
    reason: str
    raw: dict[str, Any]
    hides: tuple[str, ...] = ()


@dataclass(slots=True)
class Gathered:
    """What one file brings; `keys` are those of the records that belong to it, by entity."""

    refusals: list[Refusal] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    drift: Counter[Drift] = field(default_factory=Counter)
    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class Gathering:
    """What the files of a source come to; `calendar` is the institution's, `files` are their names, `begin` adds the next one.

    `made` is entity -> key -> (the file that it belongs to, fields); `dropped` names what was set aside, `held` the lessons
    of which there is a mark or attendance: files have no other sign that a lesson was held (canonical.md).
    """

    kind: Literal["school", "college"]
    scale: Scale
    calendar: SchoolCalendar | None = None
    files: list[str] = field(default_factory=list)
    made: dict[str, dict[str, tuple[int, dict[str, Any]]]] = field(default_factory=lambda: defaultdict(dict))
    by_file: list[Gathered] = field(default_factory=list)
    dropped: set[tuple[str, str]] = field(default_factory=set)
    held: set[str] = field(default_factory=set)

    def begin(self, name: str) -> int:
        """The number of the next file."""
        self.files.append(name)
        self.by_file.append(Gathered())
        return len(self.files) - 1

    def add(self, file: int, entity: str, key: str, **fields: Any) -> str:
        """Notes what a file says of a record; gives the key."""
        said = {name: value for name, value in fields.items() if value is not None}
        if key in self.made[entity]:
            self.made[entity][key][1].update(said)
        else:
            self.made[entity][key] = file, said
            self.by_file[file].keys[entity].append(key)
        return key

    def refuse(
        self,
        file: int,
        entity: str,
        fault: Fault,
        *,
        key: str | None = None,
        line: Line | None = None,
        hides: tuple[str, ...] = (),
    ) -> None:
        """Sets something aside, with the cell that is to blame. What has a key is not made a record of."""
        raw: dict[str, Any] = {"file": self.files[file], "cell": fault.text}
        if fault.place:
            raw |= {"sheet": fault.place.sheet, "row": fault.place.row + 1, "column": letters(fault.place.column)}
        if line:
            raw["texts"] = list(line.texts)
        self.by_file[file].refusals.append(Refusal(entity, key, fault.reason, raw, hides))
        if key is not None:
            self.dropped.add((entity, key))

    def refuse_page(self, file: int, page: Page, entity: str, fault: Fault) -> None:
        """Sets a whole page aside that cannot be told whose it is."""
        place = fault if fault.place else Fault(fault.why, fault.text, page.place)
        self.refuse(file, entity, place, hides=HIDES.get(entity, ()))

    def records(self, file: int) -> Iterator[Record]:
        """The records that belong to a file, what is pointed at before what points at it."""
        for entity in ENTITIES:
            for key in self.by_file[file].keys[entity]:
                owner, fields = self.made[entity].get(key, (None, {}))
                if owner == file and (entity, key) not in self.dropped:
                    yield ENTITIES[entity].record(key=key, **self._sign(entity, key, fields), **fields)

    def _sign(self, entity: str, key: str, fields: dict[str, Any]) -> dict[str, str]:
        """Whether a lesson was held, where the file has no word for it."""
        if entity != "lessons" or "status" in fields:
            return {}
        return {"status": "held" if key in self.held or "topic" in fields else "planned"}

    def meaning(self, value: str) -> dict[str, Any]:
        """A printed mark as the fields `value`, `grade` and `meaning`, by the institution's scale."""
        word = plain(value)
        meaning = "debt" if word in DEBT else self.scale.meaning(word)
        return {"value": value, "grade": self.scale.grade(word), "meaning": meaning}
